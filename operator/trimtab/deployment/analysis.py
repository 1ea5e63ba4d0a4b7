"""Judges a candidate on the evidence so far: one of five verdicts per metric, never mixed up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from trimtab.apis.v1alpha1.analysis import Analysis, Metric
from trimtab.apis.v1alpha1.rollout import Analyze
from trimtab.deployment.evidence import Evidence
from trimtab.model.profile_tables import CountTable, feature_tables, score_table
from trimtab.stats.counts import as_counts
from trimtab.stats.distance import rows_to_see
from trimtab.stats.grouping import quantile_groups
from trimtab.stats.horizon import samples_to_verdict
from trimtab.stats.rates import judge
from trimtab.stats.shift import ScoreTable, look_at_shift
from trimtab.stats.skew import STABLE_LEVEL, LookLimits, SideTable, SkewLook, SkewTable, look_at_skew
from trimtab.stats.verdicts import CanaryVerdict
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.profile import Profile

SCORE = "score"
DEFAULT_FLOOR = "0.05"
NO_DATA_BELOW_UNITS = 50


class Verdict(StrEnum):
    """ProviderError is about the source, the others about the candidate."""

    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    NO_DATA = "NoData"
    PROVIDER_ERROR = "ProviderError"


@dataclass(frozen=True)
class MetricVerdict:
    """One metric's verdict with the numbers that made it."""

    name: str
    verdict: Verdict
    aborts: bool
    samples: int = 0
    value: float | None = None
    bound: float | None = None
    samples_to_verdict: int | None = None
    message: str = ""
    looked: bool = False


@dataclass(frozen=True)
class Profiles:
    """The reference profiles of both sides; None = the version has none, or it could not be read."""

    stable: Profile | None = None
    candidate: Profile | None = None
    problem: str = ""


def alpha_of(analysis: Analysis) -> float:
    """The error probability of one metric: alpha, split equally over the presets that abort.

    A query has no error probability to take a part of it.
    """
    aborting = sum(metric.aborts and metric.query is None for metric in analysis.effective_metrics)
    return float(analysis.alpha) / max(1, aborting)


def judge_distribution(
    metric: Metric,
    evidence: Evidence,
    profiles: Profiles,
    *,
    alpha: float,
    looks: int,
    step: Analyze | None,
) -> MetricVerdict:
    """A metric that looks once per analyze step. ``looks``: how many the whole rollout may take.

    A verdict, once taken in a step, is latched in the evidence by the caller and not asked for again: its
    error probability is spent by looking.
    """
    if step is None:
        text = "looks in analyze steps"
        return MetricVerdict(metric.name, Verdict.INCONCLUSIVE, metric.aborts, message=text)
    limits = LookLimits(alpha, max(1, looks), step.min_samples, float(metric.floor or DEFAULT_FLOOR))
    if profiles.candidate is None:
        verdict = Verdict.PROVIDER_ERROR if profiles.problem else Verdict.NO_DATA
        message = profiles.problem or "the candidate's version has no reference profile"
        return MetricVerdict(metric.name, verdict, metric.aborts, message=message)
    if not evidence.sums["candidate"].values:
        return MetricVerdict(metric.name, Verdict.NO_DATA, metric.aborts, message="no rows yet")
    if metric.preset == "trainServeSkew":
        return _judge_skew(metric, evidence, profiles.candidate, profiles.stable, limits)
    return _judge_shift(metric, evidence, profiles, limits)


def judge_rate(metric: Metric, evidence: Evidence, *, alpha: float, min_samples: int) -> MetricVerdict:
    """A metric that may be looked at after every scrape.

    What is counted by request is judged once there are connections to tell clients apart by: the requests of
    one client are alike. Errors are counted by connection, so a failure may come at any number of them.
    """
    rate = evidence.rates.get(metric.name)
    if rate is None:
        return MetricVerdict(metric.name, Verdict.NO_DATA, metric.aborts, message="no scrape yet")
    by_unit = metric.preset == "errorRate"
    too_few = not by_unit and _units(metric, evidence) < NO_DATA_BELOW_UNITS
    found = judge(
        rate,
        alpha=alpha,
        min_samples=0 if by_unit else min_samples,
        no_data_below=NO_DATA_BELOW_UNITS if by_unit else 1,
    )
    return MetricVerdict(
        name=metric.name,
        verdict=Verdict.NO_DATA if too_few else Verdict(found.verdict.value),
        aborts=metric.aborts,
        samples=found.samples,
        value=found.value,
        bound=found.bound,
        samples_to_verdict=samples_to_verdict(rate, alpha=alpha, min_samples=0 if by_unit else min_samples),
        message=_rate_message(found.value, found.stable_value),
    )


def judge_counted(metric: Metric, evidence: Evidence, *, alpha: float, min_samples: int) -> MetricVerdict:
    """The same by the counts of a source. A failure that stands is one also while the source is away."""
    counted = evidence.counted.get(metric.name)
    if counted is None or (counted.at is None and not counted.problem):
        return MetricVerdict(metric.name, Verdict.NO_DATA, metric.aborts, message="not asked yet")
    found = judge_rate(metric, evidence, alpha=alpha, min_samples=min_samples)
    if not counted.problem or found.verdict is Verdict.FAIL:
        return found
    return replace(found, verdict=Verdict.PROVIDER_ERROR, message=counted.problem)


def _units(metric: Metric, evidence: Evidence) -> int:
    """Connections or requests of the candidate, by whoever counts them for the metric."""
    counted = evidence.counted.get(metric.name)
    return evidence.units["candidate"] if counted is None else counted.units


def _rate_message(candidate: float | None, stable: float | None) -> str:
    def shown(value: float | None) -> str:
        return "unknown" if value is None else f"{100 * value:.2f} %"

    return f"candidate {shown(candidate)}, stable {shown(stable)}"


def _judge_skew(
    metric: Metric, evidence: Evidence, candidate: Profile, stable: Profile | None, limits: LookLimits
) -> MetricVerdict:
    ours = _tables(candidate, evidence.sums["candidate"])
    theirs = _stable_tables(stable, evidence)
    rows = evidence.sums["candidate"].rows()
    missing = _missing_stable_rows(theirs.values(), limits) if rows >= limits.samples else 0
    if missing:
        # The one look waits until stable could vouch: an answer that it cannot would have to stand.
        text = f"waits for {missing} more rows of stable"
        return MetricVerdict(metric.name, Verdict.INCONCLUSIVE, metric.aborts, samples=rows, message=text)
    look = look_at_skew([SkewTable(t.name, _side(t), theirs.get(t.name)) for t in ours], limits)
    worst = look.features[0] if look.features else None
    return MetricVerdict(
        name=metric.name,
        verdict=_of(look.verdict),
        aborts=metric.aborts,
        samples=rows,
        value=worst.psi_adjusted if worst else None,
        bound=limits.floor,
        samples_to_verdict=max(0, limits.samples - rows),
        message=skew_message(look),
        looked=bool(look.features),
    )


def _missing_stable_rows(stable: Iterable[SideTable], limits: LookLimits) -> int:
    """How many rows stable lacks to show a shift of floor size on every feature."""
    missing = 0
    for table in stable:
        needed = rows_to_see(table.reference, floor=limits.floor, level=STABLE_LEVEL)
        missing = max(missing, (needed or 0) - int(sum(as_counts(table.live))))
    return missing


def skew_message(look: SkewLook) -> str:
    """The features that fail, furthest first; else what was looked at.

    The score is computed from the features. Where one of them fails, a score that is off as well follows from
    it, and is named apart.
    """
    if not look.features:
        return "waits for its rows"
    failing = {f.feature: f.psi_adjusted for f in look.features if f.feature in look.failing}
    if not failing:
        worst = look.features[0]
        return f"furthest: {worst.feature} psiAdjusted {worst.psi_adjusted:.3f}, {worst.outcome}"
    score = failing.pop(SCORE, None) if len(failing) > 1 else None
    named = ", ".join(f"{name} psiAdjusted {psi:.2f}" for name, psi in list(failing.items())[:8])
    return named if score is None else f"{named} (the score follows: {score:.2f})"


def _judge_shift(metric: Metric, evidence: Evidence, profiles: Profiles, limits: LookLimits) -> MetricVerdict:
    if profiles.stable is None or profiles.candidate is None or not evidence.sums["stable"].values:
        return MetricVerdict(
            metric.name, Verdict.NO_DATA, metric.aborts, message="stable has no rows to compare"
        )
    look = look_at_shift(
        _scores(profiles.stable, evidence.sums["stable"]),
        _scores(profiles.candidate, evidence.sums["candidate"]),
        limits,
    )
    return MetricVerdict(
        name=metric.name,
        verdict=_of(look.verdict),
        aborts=metric.aborts,
        samples=look.samples,
        value=look.psi_adjusted,
        bound=limits.floor,
        samples_to_verdict=max(0, limits.samples - look.samples),
        looked=look.psi_adjusted is not None,
    )


def _scores(profile: Profile, live: ServerCounts) -> ScoreTable:
    return ScoreTable(profile.score.edges, profile.score.counts, live.scores())


def _stable_tables(stable: Profile | None, evidence: Evidence) -> dict[str, SideTable]:
    if stable is None or not evidence.sums["stable"].values:
        return {}
    return {t.name: _side(t) for t in _tables(stable, evidence.sums["stable"])}


def _tables(profile: Profile, live: ServerCounts) -> Sequence[CountTable]:
    """Features, and the scores merged into at most ten groups of equal weight in the reference."""
    scores = score_table(profile, live, SCORE)
    groups = quantile_groups(scores.reference)
    merged = CountTable(SCORE, _whole(groups.merge(scores.reference)), _whole(groups.merge(scores.live)))
    return [*feature_tables(profile, live), merged]


def _whole(values: Sequence[float]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _side(table: CountTable) -> SideTable:
    return SideTable(table.reference, table.live)


def _of(verdict: CanaryVerdict) -> Verdict:
    return Verdict(verdict.value)
