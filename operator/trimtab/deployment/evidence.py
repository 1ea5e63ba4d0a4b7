"""The evidence of one rollout: what a restart must not lose, and how a round of scrapes adds to it.

Counters are cumulative, so evidence is a sum of differences: a process that starts again reads the last
checkpoint and goes on from there. Rates lose nothing by that; distributions are kept as sums per side, and
what was counted between the last checkpoint and a restart is missing from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from trimtab.apis.v1alpha1.analysis import Analysis, Metric
from trimtab.deployment.agreement import Agreement
from trimtab.deployment.counted import Counted, CountLook, with_counts
from trimtab.deployment.labels import Labels, sides_of_digests, with_labels
from trimtab.deployment.load import Load
from trimtab.deployment.pod_counters import (
    SIDES,
    Interval,
    PodCounters,
    SideName,
    Unit,
    counters,
    difference,
    has_fallen,
    is_new,
    is_same_process,
    unanswered,
)
from trimtab.deployment.queries import Look, QueryEvidence, with_look
from trimtab.stats.evidence import (
    RateEvidence,
    RateLimits,
    add_interval,
    error_limits,
    latency_limits,
    no_evidence,
)
from trimtab.stats.ratios import SideCounts
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.page import ServerPage
from trimtab_runtime.contract.serving import (
    DURATION_EDGES,
    FEATURE_ROWS,
    LIVE,
    ROWS,
    SCORE_ROWS,
    Series,
)

EDGE_OF = dict(
    zip(
        ("5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s"),
        DURATION_EDGES,
        strict=True,
    )
)
_SUMMED = frozenset({FEATURE_ROWS, SCORE_ROWS, ROWS})


@dataclass(frozen=True)
class ScrapeRound:
    """One scrape of all pods of both sides. ``failures``: pod name -> why its page could not be used.

    ``leaving``: uids of pods that are being deleted, and so drain. ``vanished``: uids of pods that are gone.
    """

    at: datetime
    pages: Mapping[str, tuple[SideName, ServerPage]]
    failures: Mapping[str, str]
    vanished: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Evidence:
    """``turn`` names the revision and its turn as candidate: one that is tried again starts anew.

    ``observed_seconds`` counts time per step, only while the metrics could be read; ``traffic_seconds`` the
    time between rounds since the candidate had its first connection, which is what its samples took;
    ``stable_down_seconds`` how long stable has had no ready pod. ``mirrored``: what was counted of the
    candidate are copies of requests.
    """

    turn: str
    since: datetime
    pods: Mapping[str, PodCounters] = field(default_factory=dict)
    rates: Mapping[str, RateEvidence] = field(default_factory=dict)
    sums: Mapping[SideName, ServerCounts] = field(
        default_factory=lambda: {side: ServerCounts({}) for side in SIDES}
    )
    units: Mapping[SideName, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    load: Mapping[SideName, Load] = field(default_factory=lambda: dict.fromkeys(SIDES, Load()))
    queries: Mapping[str, QueryEvidence] = field(default_factory=dict)
    counted: Mapping[str, Counted] = field(default_factory=dict)
    observed_seconds: Mapping[str, float] = field(default_factory=dict)
    traffic_seconds: float = 0.0
    stable_down_seconds: float = 0.0
    mirrored: bool = False
    agreement: Agreement = field(default_factory=Agreement)
    labels: Mapping[SideName, Labels] = field(default_factory=lambda: dict.fromkeys(SIDES, Labels()))
    latched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    last_round: datetime | None = None


def limits_of(metric: Metric) -> RateLimits | None:
    """The limits of a rate metric; None for another one."""
    match metric.preset:
        case "errorRate" | "clientErrors":
            return error_limits(
                max_relative_increase=float(metric.max_relative_increase or "1.0"),
                max_absolute=float(metric.max_absolute or "0.005"),
            )
        case "latency":
            return latency_limits(
                quantile=float(metric.quantile or "0.95"),
                max_relative_increase=float(metric.max_relative_increase or "0"),
            )
        case _:
            return None


def advance(
    evidence: Evidence,
    round_: ScrapeRound,
    previous: Mapping[str, ServerPage],
    analysis: Analysis,
    unit: Unit,
) -> Evidence:
    """Evidence after one more round. ``previous``: the last page of each pod uid that this process has seen.
    ``unit``: what errors and shares are counted in; it may change between rounds.

    A round that was counted already changes nothing. A pod whose counters fell although its process is the
    same one is left out until they are beyond what was counted: nothing counts twice. A pod that drains
    answers what it has taken, so it is counted for the last time; one that vanished without leaves its
    requests unanswered.
    """
    if evidence.last_round is not None and round_.at <= evidence.last_round:
        return evidence
    trials = {side: Interval() for side in SIDES}
    passed = (round_.at - (evidence.last_round or round_.at)).total_seconds()
    pods, sums, labels = dict(evidence.pods), dict(evidence.sums), dict(evidence.labels)
    answered_by = sides_of_digests(round_.pages.values())
    for uid, (side, page) in round_.pages.items():
        known = pods.get(uid)
        if known is None and uid in round_.leaving:
            continue  # counted already, until it began to leave
        now = counters(side, page)
        if has_fallen(known, now):
            continue
        pods[uid] = now
        trials[side].add(difference(known, now), seconds=passed if is_same_process(known, now) else 0.0)
        grown = _grown(page, previous.get(uid), counts_from_zero=is_new(known, now))
        sums[side] = sums[side] + ServerCounts(dict(_distribution(grown.values.items())))
        labels = with_labels(labels, grown, answered_by)
    for uid in round_.leaving & set(pods):
        del pods[uid]
    for uid in round_.vanished & set(pods):
        gone = pods.pop(uid)
        trials[gone.side].add(unanswered(gone))
    units = {s: evidence.units[s] + trials[s].units(unit) for s in SIDES}
    return replace(
        evidence,
        pods=pods,
        rates=_rates(evidence, trials, analysis.effective_metrics, unit),
        sums=sums,
        labels=labels,
        units=units,
        load={side: _load(evidence.load[side], trials[side], passed) for side in SIDES},
        traffic_seconds=evidence.traffic_seconds + (passed if units["candidate"] else 0.0),
        last_round=round_.at,
    )


def fallen(evidence: Evidence, pages: Mapping[str, tuple[SideName, ServerPage]]) -> frozenset[str]:
    """Uids of pods whose counters are lower than they were, although the process is the same."""
    return frozenset(
        uid for uid, (side, page) in pages.items() if has_fallen(evidence.pods.get(uid), counters(side, page))
    )


def with_looks(evidence: Evidence, analysis: Analysis, looks: Mapping[str, Look], step: int) -> Evidence:
    """Evidence after the newest looks at the queries; those that were counted already change nothing."""
    known = evidence.queries
    seen = {
        metric.name: with_look(known.get(metric.name), metric, looks[metric.name], step)
        for metric in analysis.metrics
        if metric.name in looks
    }
    return replace(evidence, queries={**known, **seen})


def with_source_counts(
    evidence: Evidence, analysis: Analysis, looks: Mapping[str, CountLook], unit: Unit
) -> Evidence:
    """Evidence after the newest looks at the sources of counts, by metric.

    Counts of another source, or of the pods themselves, are another metric: nothing may count twice.
    """
    rates = {name: rate for name, rate in evidence.rates.items() if name not in evidence.counted}
    counted: dict[str, Counted] = {}
    for metric in analysis.metrics:
        limits = limits_of(metric)
        if metric.source_ref is None or limits is None:
            continue
        name, source = metric.name, metric.source_ref.name
        known, rate = evidence.counted.get(name), evidence.rates.get(name)
        if known is None or known.source != source:
            known, rate = Counted(source), None
        if rate is None or rate.limits != limits:
            rate = no_evidence(limits)
        look = looks.get(name)
        if look is not None:
            known, trials = with_counts(known, look, unit)
            rate = _with_interval(rate, metric, trials, unit)
        counted[name], rates[name] = known, rate
    return replace(evidence, counted=counted, rates=rates)


def _load(before: Load, interval: Interval, passed: float) -> Load:
    return before.after(passed, request_seconds=interval.request_seconds, pod_seconds=interval.pod_seconds)


def _grown(page: ServerPage, previous: ServerPage | None, *, counts_from_zero: bool) -> ServerCounts:
    """Counts of one process since its last page; nothing where that page is not known."""
    if counts_from_zero:
        return page.counts
    if previous is None or previous.start_time_seconds != page.start_time_seconds:
        return ServerCounts({})
    try:
        return page.since(previous)
    except ContractError:  # a counter fell: neither page can be trusted, the next round starts anew
        return ServerCounts({})


def _distribution(items: Iterable[tuple[Series, int]]) -> Iterable[tuple[Series, int]]:
    return ((s, n) for s, n in items if s[0] in _SUMMED and s[1] == LIVE)


def _rates(
    evidence: Evidence, trials: Mapping[SideName, Interval], metrics: Iterable[Metric], unit: Unit
) -> dict[str, RateEvidence]:
    result = {}
    for metric in metrics:
        limits = limits_of(metric)
        if limits is None:
            continue
        known = evidence.rates.get(metric.name)
        if known is None or known.limits != limits:
            known = no_evidence(limits)
        of_pods = metric.source_ref is None
        result[metric.name] = _with_interval(known, metric, trials, unit) if of_pods else known
    return result


def _with_interval(
    rate: RateEvidence, metric: Metric, trials: Mapping[SideName, Interval], unit: Unit
) -> RateEvidence:
    counts = {side: _side_counts(metric, trials[side], unit) for side in SIDES}
    return add_interval(rate, stable=counts["stable"], candidate=counts["candidate"])


def _side_counts(metric: Metric, interval: Interval, unit: Unit) -> SideCounts:
    """Errors per unit, refused or slow requests per request; each may be counted an interval after its
    trial."""
    if metric.preset == "errorRate":
        errors = interval.errors(unit)
        return SideCounts(max(interval.units(unit), errors), errors)
    if metric.preset == "clientErrors":
        return SideCounts(interval.requests, interval.refused)
    slow = interval.slow[EDGE_OF[metric.max_duration or "1s"]]
    return SideCounts(max(interval.requests, slow), slow)
