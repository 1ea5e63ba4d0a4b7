"""Train-serve skew: does the candidate see what it was trained on, where stable still does?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from trimtab.stats.counts import Counts, as_counts
from trimtab.stats.distance import Distance, measure, rows_to_see
from trimtab.stats.verdicts import CanaryVerdict

# Stable only has to be cleared of a shift of floor size; nobody fails on this test alone.
STABLE_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class SideTable:
    """Counts of one signal on one side: its version's own reference, and the live rows in its buckets."""

    reference: Counts
    live: Counts


@dataclass(frozen=True, slots=True)
class SkewTable:
    """One feature (or the merged score groups). `stable` None: stable has no such feature or profile."""

    feature: str
    candidate: SideTable
    stable: SideTable | None


@dataclass(frozen=True, slots=True)
class LookLimits:
    """A distribution check gets one look per step: `alpha` is split over `looks` and the signals looked at.

    `samples`: candidate rows at which the look is due. `floor`: smallest psiAdjusted that matters (nats).
    """

    alpha: float
    looks: int
    samples: int
    floor: float = 0.05

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and self.looks >= 1 and self.samples >= 1 and self.floor > 0):
            raise ValueError("need 0 < alpha < 1, looks >= 1, samples >= 1 and floor > 0")

    def level(self, signals: int) -> float:
        """Bonferroni: the level of one signal in one look."""
        return self.alpha / (self.looks * signals)


class SkewOutcome(StrEnum):
    """What the look says about one feature."""

    CLEAN = "Clean"
    SKEWED = "Skewed"  # candidate is off its reference, stable is on its own: the candidate's input is wrong
    SHARED = "Shared"  # both are off: the world moved, which is the drift monitor's business
    UNDECIDED = "Undecided"  # candidate is off, stable has too few rows (or no such feature) to compare


@dataclass(frozen=True, slots=True)
class FeatureSkew:
    """One feature in the look. PSI in nats."""

    feature: str
    outcome: SkewOutcome
    psi_adjusted: float
    p: float | None
    samples: int
    stable_psi_adjusted: float | None


@dataclass(frozen=True, slots=True)
class SkewLook:
    """Result of `look_at_skew`; furthest feature first. `features` is empty while no look was taken."""

    verdict: CanaryVerdict
    level: float
    features: tuple[FeatureSkew, ...]

    @property
    def failing(self) -> tuple[str, ...]:
        """The features that make the verdict Fail."""
        return tuple(f.feature for f in self.features if f.outcome is SkewOutcome.SKEWED)


def look_at_skew(tables: Sequence[SkewTable], limits: LookLimits) -> SkewLook:
    """The one look of a step at the candidate's live counts against its own reference profile.

    A feature is off where its two-sample chi-square p <= alpha / (looks x features) and psiAdjusted >= floor.
    Fail: off on a feature where stable is clean against *its* own reference in the same window (psiAdjusted
    below the floor, with the rows that show the floor at 5 % with power 0.8). Inconclusive: off, but stable
    cannot vouch. Pass: on everywhere, or off only where stable is off too. NoData: no candidate row.

    Before `limits.samples` candidate rows (the fewest over the features) no test is made and no error
    budget spent: Inconclusive without features. Afterwards the caller keeps the answer for the step and does
    not ask again. For independent rows a sound candidate fails with probability <= alpha over all looks.

    Raises ValueError without features, for malformed counts, different lengths or an empty reference.
    """
    if not tables:
        raise ValueError("a look needs at least one feature")
    level = limits.level(len(tables))
    rows = min(int(sum(as_counts(table.candidate.live))) for table in tables)
    if rows < limits.samples:
        return SkewLook(CanaryVerdict.INCONCLUSIVE if rows else CanaryVerdict.NO_DATA, level, ())
    features = tuple(_compare(table, limits.floor, level) for table in tables)
    ranked = tuple(sorted(features, key=lambda f: (-f.psi_adjusted, f.feature)))
    return SkewLook(_verdict(ranked), level, ranked)


def _compare(table: SkewTable, floor: float, level: float) -> FeatureSkew:
    ours = measure(table.candidate.reference, table.candidate.live)
    if ours is None:
        raise ValueError(f"feature {table.feature} has no candidate rows")
    theirs = measure(table.stable.reference, table.stable.live) if table.stable else None
    off = ours.is_off(floor=floor, level=level)
    return FeatureSkew(
        feature=table.feature,
        outcome=_attribute(table.stable, theirs, floor) if off else SkewOutcome.CLEAN,
        psi_adjusted=ours.psi_adjusted,
        p=ours.p,
        samples=ours.samples,
        stable_psi_adjusted=theirs.psi_adjusted if theirs else None,
    )


def _attribute(stable: SideTable | None, distance: Distance | None, floor: float) -> SkewOutcome:
    """The candidate is off: is it alone?"""
    if stable is None or distance is None:
        return SkewOutcome.UNDECIDED
    if distance.is_off(floor=floor, level=STABLE_LEVEL):
        return SkewOutcome.SHARED
    needed = rows_to_see(stable.reference, floor=floor, level=STABLE_LEVEL)
    vouched = needed is not None and distance.samples >= needed and distance.psi_adjusted < floor
    return SkewOutcome.SKEWED if vouched else SkewOutcome.UNDECIDED


def _verdict(features: Sequence[FeatureSkew]) -> CanaryVerdict:
    outcomes = {feature.outcome for feature in features}
    if SkewOutcome.SKEWED in outcomes:
        return CanaryVerdict.FAIL
    return CanaryVerdict.INCONCLUSIVE if SkewOutcome.UNDECIDED in outcomes else CanaryVerdict.PASS
