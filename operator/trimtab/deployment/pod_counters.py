"""What a pod's page counts, as far as the rates of a canary need it, and how that grows between two pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from trimtab_runtime.contract.page import ServerPage
from trimtab_runtime.contract.serving import DURATION_EDGES, LIVE

SideName = Literal["stable", "candidate"]
Unit = Literal["connection", "request"]
"""What errors and shares are counted in. Both sides must be counted in one unit, or shares say nothing."""
SIDES: tuple[SideName, SideName] = ("stable", "candidate")


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
    failed: int
    refused: int
    slow: Mapping[str, int]
    request_seconds: float
    in_flight: int


@dataclass
class Interval:
    """What one side counted between two rounds."""

    connections: int = 0
    error_connections: int = 0
    requests: int = 0
    failed: int = 0
    refused: int = 0
    slow: dict[str, int] = field(default_factory=lambda: dict.fromkeys(DURATION_EDGES, 0))
    request_seconds: float = 0.0
    pod_seconds: float = 0.0

    def units(self, unit: Unit) -> int:
        """Connections; or requests, where a Gateway keeps a few connections open for all clients, or where a
        foreign server counts nothing else."""
        return self.connections if unit == "connection" else self.requests

    def errors(self, unit: Unit) -> int:
        """Units with an error. A request whose connection closed without an answer has no code: it is told by
        error connections that are more than the failed requests."""
        return self.error_connections if unit == "connection" else max(self.failed, self.error_connections)

    def add(self, other: PodCounters | None, *, seconds: float = 0.0) -> None:
        """``seconds``: how long the process was watched for it; 0 where that is not known."""
        if other is None:
            return
        if seconds:
            self.request_seconds += other.request_seconds
            self.pod_seconds += seconds
        self.connections += other.connections
        self.error_connections += other.error_connections
        self.requests += other.requests
        self.failed += other.failed
        self.refused += other.refused
        for edge, count in other.slow.items():
            self.slow[edge] += count


def counters(side: SideName, page: ServerPage) -> PodCounters:
    counts = page.counts
    return PodCounters(
        side=side,
        started=page.start_time_seconds,
        connections=counts.connections(),
        error_connections=counts.error_connections(),
        requests=counts.requests(),
        failed=counts.requests("5xx"),
        refused=counts.requests("4xx"),
        slow={edge: counts.slower_than(edge) for edge in DURATION_EDGES},
        request_seconds=page.request_seconds[LIVE],
        in_flight=page.in_flight[LIVE],
    )


def is_new(known: PodCounters | None, now: PodCounters) -> bool:
    """Whether all that the process has counted belongs to this rollout.

    True for a candidate's process that was not seen before: a candidate has no traffic before its rollout. A
    stable pod that is seen for the first time has a past that does not belong here.
    """
    return now.side == "candidate" and not is_same_process(known, now)


def is_same_process(known: PodCounters | None, now: PodCounters) -> bool:
    return known is not None and known.started == now.started


def difference(known: PodCounters | None, now: PodCounters) -> PodCounters | None:
    """What the process counted since it was last seen; None where that is not known."""
    if known is None or known.started != now.started:
        return now if is_new(known, now) else None
    rest = PodCounters(
        side=now.side,
        started=now.started,
        connections=now.connections - known.connections,
        error_connections=now.error_connections - known.error_connections,
        requests=now.requests - known.requests,
        failed=now.failed - known.failed,
        refused=now.refused - known.refused,
        slow={edge: now.slow[edge] - known.slow.get(edge, 0) for edge in DURATION_EDGES},
        request_seconds=now.request_seconds - known.request_seconds,
        in_flight=0,
    )
    return None if _is_negative(rest) else rest


def has_fallen(known: PodCounters | None, now: PodCounters) -> bool:
    """Whether a counter is lower than it was, although the process is the same: then its page lies."""
    return is_same_process(known, now) and difference(known, now) is None


def _is_negative(rest: PodCounters) -> bool:
    connections = (rest.connections, rest.error_connections)
    requests = (rest.requests, rest.failed, rest.refused, *rest.slow.values())
    return min(*connections, *requests) < 0 or rest.request_seconds < 0


def unanswered(gone: PodCounters) -> PodCounters:
    """Requests that were in flight in a pod when it vanished count as errors, each on a connection of its
    own."""
    return replace(
        gone,
        connections=gone.in_flight,
        error_connections=gone.in_flight,
        requests=gone.in_flight,
        failed=gone.in_flight,
        refused=0,
        slow=dict.fromkeys(DURATION_EDGES, 0),
    )
