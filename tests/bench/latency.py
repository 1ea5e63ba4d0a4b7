"""Quantiles of the operator's own histograms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Latencies:
    """Upper bounds in seconds -> passes at or under them."""

    cumulative: tuple[tuple[float, float], ...]

    @property
    def count(self) -> float:
        return self.cumulative[-1][1] if self.cumulative else 0.0

    def quantile(self, share: float) -> float:
        """Linear inside the bucket, as Prometheus' histogram_quantile; seconds."""
        rank, lower, below = share * self.count, 0.0, 0.0
        for upper, passes in self.cumulative:
            if passes >= rank:
                if upper == float("inf"):
                    return lower
                return lower + (upper - lower) * (rank - below) / (passes - below)
            lower, below = upper, passes
        return lower

    def __str__(self) -> str:
        p50, p99 = (1_000 * self.quantile(share) for share in (0.5, 0.99))
        return f"{p50:.1f} / {p99:.1f} ms ({self.count:.0f} passes)"

    def since(self, before: Latencies) -> Latencies:
        """What came after the page that ``before`` is of."""
        earlier = dict(before.cumulative)
        return Latencies(
            tuple((upper, passes - earlier.get(upper, 0.0)) for upper, passes in self.cumulative)
        )


def latencies(page: str, kind: str) -> Latencies:
    """`trimtab_reconcile_seconds` of one kind, all outcomes together."""
    return _of(page, "trimtab_reconcile_seconds", kind=kind)


def lateness(page: str) -> Latencies:
    """`trimtab_timer_lateness_seconds`."""
    return _of(page, "trimtab_timer_lateness_seconds")


def _of(page: str, histogram: str, **labels: str) -> Latencies:
    found: Counter[float] = Counter()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == f"{histogram}_bucket" and labels.items() <= sample.labels.items():
                found[float(sample.labels["le"])] += sample.value  # type: ignore[assignment]
    return Latencies(tuple(sorted(found.items())))
