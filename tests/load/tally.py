"""What was sent, what failed and how long it took."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

FailureKind = Literal["connection", "status", "timeout", "answer"]
"""connection: refused, reset or closed before the answer; status: not 2xx; timeout: no answer in time;
answer: 2xx, but not an Open Inference Protocol answer of one row."""
KEPT_FAILURES = 50


@dataclass
class Phase:
    """Requests that arrived between two marks."""

    name: str
    started_seconds: float
    sent: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    latencies_seconds: list[float] = field(default_factory=list)
    lags_seconds: list[float] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """All failed requests, whatever the kind."""
        return self.failures.total()

    def summary(self) -> dict[str, Any]:
        """JSON: counts, the versions that answered, and milliseconds from arrival to the end of the answer.

        `lagMilliseconds` is the generator's own: from the arrival time until the request was started.
        """
        return {
            "name": self.name,
            "startedSeconds": round(self.started_seconds, 3),
            "sent": self.sent,
            "answered": len(self.latencies_seconds),
            "failed": self.failed,
            "failures": dict(sorted(self.failures.items())),
            "versions": dict(sorted(self.versions.items())),
            "latencyMilliseconds": quantiles_milliseconds(self.latencies_seconds),
            "lagMilliseconds": quantiles_milliseconds(self.lags_seconds),
        }


def quantiles_milliseconds(seconds: list[float]) -> dict[str, float]:
    """p50, p90, p99 and max in milliseconds; empty without values."""
    if not seconds:
        return {}
    values = np.quantile(np.array(seconds), [0.5, 0.9, 0.99, 1]) * 1000
    return {
        name: round(float(value), 2) for name, value in zip(("p50", "p90", "p99", "max"), values, strict=True)
    }


class Tally:
    """Counts of a run, by phase: a request belongs to the phase in which it arrived."""

    def __init__(self) -> None:
        self.phases = [Phase("start", 0.0)]
        self.kept_failures: list[dict[str, Any]] = []
        self.labels: Counter[str] = Counter()

    @property
    def current(self) -> Phase:
        """The phase of requests that arrive now."""
        return self.phases[-1]

    def mark(self, name: str, at_seconds: float) -> None:
        """Begin a new phase."""
        self.phases.append(Phase(name, at_seconds))

    def fail(self, phase: Phase, kind: FailureKind, detail: str, arrived_seconds: float) -> None:
        """Count a failed request, and keep the first ones for people to read."""
        phase.failures[kind] += 1
        if len(self.kept_failures) < KEPT_FAILURES:
            self.kept_failures.append(
                {
                    "arrivedSeconds": round(arrived_seconds, 3),
                    "phase": phase.name,
                    "kind": kind,
                    "detail": detail,
                }
            )

    def total(self) -> Phase:
        """All phases as one."""
        total = Phase("total", 0.0)
        for phase in self.phases:
            total.sent += phase.sent
            total.failures += phase.failures
            total.versions += phase.versions
            total.latencies_seconds += phase.latencies_seconds
            total.lags_seconds += phase.lags_seconds
        return total
