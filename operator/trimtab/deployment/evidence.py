"""The evidence of one rollout: what a restart must not lose, and how a round of scrapes adds to it.

Counters are cumulative, so evidence is a sum of differences: a process that starts again reads the last
checkpoint and goes on from there. Rates lose nothing by that; distributions are kept as sums per side, and
what was counted between the last checkpoint and a restart is missing from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from trimtab.apis.v1alpha1.rollout import Analysis, Metric
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
    CONNECTIONS,
    DURATION_EDGES,
    ERROR_CONNECTIONS,
    FEATURE_ROWS,
    LIVE,
    ROWS,
    SCORE_ROWS,
    Series,
)

SideName = Literal["stable", "candidate"]
SIDES: tuple[SideName, SideName] = ("stable", "candidate")

EDGE_OF = dict(
    zip(
        ("5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s"),
        DURATION_EDGES,
        strict=True,
    )
)
_SUMMED = frozenset({FEATURE_ROWS, SCORE_ROWS, ROWS})


@dataclass(frozen=True)
class PodCounters:
    """The last counters of one server process, as far as rates need them.

    Its identity is the pod's uid and the process's start time.
    """

    side: SideName
    started: float
    connections: int
    error_connections: int
    requests: int
    slow: Mapping[str, int]
    in_flight: int


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

    ``observed_seconds`` counts time per step, only while the metrics could be read.
    """

    turn: str
    since: datetime
    pods: Mapping[str, PodCounters] = field(default_factory=dict)
    rates: Mapping[str, RateEvidence] = field(default_factory=dict)
    sums: Mapping[SideName, ServerCounts] = field(
        default_factory=lambda: {side: ServerCounts({}) for side in SIDES}
    )
    connections: Mapping[SideName, int] = field(default_factory=lambda: dict.fromkeys(SIDES, 0))
    observed_seconds: Mapping[str, float] = field(default_factory=dict)
    latched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    last_round: datetime | None = None


def limits_of(metric: Metric) -> RateLimits | None:
    """The limits of a rate metric; None for a distribution metric."""
    match metric.preset:
        case "errorRate":
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
    evidence: Evidence, round_: ScrapeRound, previous: Mapping[str, ServerPage], analysis: Analysis
) -> Evidence:
    """Evidence after one more round. ``previous``: the last page of each pod uid that this process has seen.

    A round that was counted already changes nothing. A pod whose counters fell although its process is the
    same one is left out and starts anew at the next round. A pod that drains answers what it has taken, so it
    is counted for the last time; one that vanished without leaves its requests unanswered.
    """
    if evidence.last_round is not None and round_.at <= evidence.last_round:
        return evidence
    trials = {side: _Interval() for side in SIDES}
    pods, sums = dict(evidence.pods), dict(evidence.sums)
    for uid, (side, page) in round_.pages.items():
        known = pods.get(uid)
        if known is None and uid in round_.leaving:
            continue  # counted already, until it began to leave
        pods[uid] = _counters(side, page)
        trials[side].add(_difference(known, pods[uid]))
        sums[side] = sums[side] + _grown(page, previous.get(uid), counts_from_zero=_is_new(known, pods[uid]))
    for uid in round_.leaving & set(pods):
        del pods[uid]
    for uid in round_.vanished & set(pods):
        gone = pods.pop(uid)
        trials[gone.side].add(_unanswered(gone))
    return replace(
        evidence,
        pods=pods,
        rates=_rates(evidence, trials, analysis.effective_metrics),
        sums=sums,
        connections={s: evidence.connections[s] + trials[s].connections for s in SIDES},
        last_round=round_.at,
    )


@dataclass
class _Interval:
    """What one side counted between two rounds."""

    connections: int = 0
    error_connections: int = 0
    requests: int = 0
    slow: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DURATION_EDGES, 0))

    def add(self, other: PodCounters | None) -> None:
        if other is None:
            return
        self.connections += other.connections
        self.error_connections += other.error_connections
        self.requests += other.requests
        for edge, count in other.slow.items():
            self.slow[edge] += count


def _counters(side: SideName, page: ServerPage) -> PodCounters:
    counts = page.counts
    return PodCounters(
        side=side,
        started=page.start_time_seconds,
        connections=counts.connections(),
        error_connections=counts.error_connections(),
        requests=counts.requests(),
        slow={edge: counts.slower_than(edge) for edge in DURATION_EDGES},
        in_flight=page.in_flight[LIVE],
    )


def by_requests(page: ServerPage) -> ServerPage:
    """The page with requests in the place of connections: what foreign servers count. Both sides must be
    counted in one unit, or the shares of their errors say nothing."""
    counts = page.counts
    as_requests: dict[Series, int] = {
        (CONNECTIONS, LIVE): counts.requests(),
        (ERROR_CONNECTIONS, LIVE): counts.requests("5xx"),
    }
    return replace(page, counts=ServerCounts({**counts.values, **as_requests}))


def _is_new(known: PodCounters | None, now: PodCounters) -> bool:
    """Whether all that the process has counted belongs to this rollout.

    True for a candidate's process that was not seen before: a candidate has no traffic before its rollout. A
    stable pod that is seen for the first time has a past that does not belong here.
    """
    return now.side == "candidate" and (known is None or known.started != now.started)


def _difference(known: PodCounters | None, now: PodCounters) -> PodCounters | None:
    """What the process counted since it was last seen; None where that is not known."""
    if known is None or known.started != now.started:
        return now if _is_new(known, now) else None
    rest = PodCounters(
        side=now.side,
        started=now.started,
        connections=now.connections - known.connections,
        error_connections=now.error_connections - known.error_connections,
        requests=now.requests - known.requests,
        slow={edge: now.slow[edge] - known.slow.get(edge, 0) for edge in DURATION_EDGES},
        in_flight=0,
    )
    numbers = (rest.connections, rest.error_connections, rest.requests, *rest.slow.values())
    return rest if min(numbers) >= 0 else None


def _unanswered(gone: PodCounters) -> PodCounters:
    """Requests that were in flight in a pod when it vanished count as error connections."""
    return replace(
        gone,
        connections=gone.in_flight,
        error_connections=gone.in_flight,
        requests=gone.in_flight,
        slow=dict.fromkeys(DURATION_EDGES, 0),
    )


def _grown(page: ServerPage, previous: ServerPage | None, *, counts_from_zero: bool) -> ServerCounts:
    """Distribution counts of one process since its last page; nothing where that page is not known."""
    if counts_from_zero:
        grown = page.counts
    elif previous is None or previous.start_time_seconds != page.start_time_seconds:
        return ServerCounts({})
    else:
        try:
            grown = page.since(previous)
        except ContractError:  # a counter fell: neither page can be trusted, the next round starts anew
            return ServerCounts({})
    return ServerCounts(dict(_distribution(grown.values.items())))


def _distribution(items: Iterable[tuple[Series, int]]) -> Iterable[tuple[Series, int]]:
    return ((s, n) for s, n in items if s[0] in _SUMMED and s[1] == LIVE)


def _rates(
    evidence: Evidence, trials: Mapping[SideName, _Interval], metrics: Iterable[Metric]
) -> dict[str, RateEvidence]:
    result = {}
    for metric in metrics:
        limits = limits_of(metric)
        if limits is None:
            continue
        known = evidence.rates.get(metric.name)
        if known is None or known.limits != limits:
            known = no_evidence(limits)
        counts = {side: _side_counts(metric, trials[side]) for side in SIDES}
        result[metric.name] = add_interval(known, stable=counts["stable"], candidate=counts["candidate"])
    return result


def _side_counts(metric: Metric, interval: _Interval) -> SideCounts:
    """Errors per connection, slow requests per request; either may be counted an interval after its trial."""
    if metric.preset == "errorRate":
        errors = interval.error_connections
        return SideCounts(max(interval.connections, errors), errors)
    slow = interval.slow[EDGE_OF[metric.max_duration or "1s"]]
    return SideCounts(max(interval.requests, slow), slow)
