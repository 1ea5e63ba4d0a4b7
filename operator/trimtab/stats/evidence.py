"""The evidence of a rate test: a value to add intervals to, to store, to read back and to go on with.

Nothing else may restart such a test: its error budget is spent by looking.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trimtab.stats import ratios
from trimtab.stats.ratios import SideCounts

FAIL_RATIO: Final = 2.0
STATE_VERSION: Final = 1  # raise it when a prior changes: stored logarithms mean nothing under another one


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a rate test tells apart. Ratios are candidate rate / stable rate; shares are events / trials.

    Fail rejects "ratio <= max_ratio" and, where `fail_share` is set, also "share <= fail_share".
    Pass rejects "ratio >= pass_ratio" or "share >= pass_share" (each only where set).
    """

    max_ratio: float
    pass_ratio: float | None = FAIL_RATIO
    pass_share: float | None = None
    fail_share: float | None = None

    def __post_init__(self) -> None:
        if self.max_ratio < 1 or (self.pass_ratio is not None and self.pass_ratio <= 1):
            raise ValueError("max_ratio must be at least 1 and pass_ratio above 1")
        if any(share is not None and not 0 < share < 1 for share in (self.pass_share, self.fail_share)):
            raise ValueError("shares must lie strictly between 0 and 1")
        if self.pass_ratio is None and self.pass_share is None:
            raise ValueError("a test without a way to pass never ends: set pass_ratio or pass_share")


def error_limits(
    *, max_relative_increase: float = 1.0, max_absolute: float = 0.005, fail_ratio: float = FAIL_RATIO
) -> RateLimits:
    """Limits of an error-rate metric (preset `errorRate`)."""
    return RateLimits(max_ratio=1 + max_relative_increase, pass_ratio=fail_ratio, pass_share=max_absolute)


def latency_limits(
    *, quantile: float, max_relative_increase: float = 0.0, fail_ratio: float = FAIL_RATIO
) -> RateLimits:
    """Limits for "quantile <= T": an event is a request slower than T, tolerated in a share 1 - quantile.

    Fail needs both more slow requests than the quantile allows and a larger share than stable's: an hour
    that is slow for both sides is no fault of the candidate, and a candidate within T has not failed.
    """
    tolerated = 1 - quantile
    return RateLimits(
        max_ratio=1 + max_relative_increase,
        pass_ratio=fail_ratio,
        pass_share=tolerated,
        fail_share=tolerated,
    )


@dataclass(frozen=True, slots=True)
class RateEvidence:
    """State of one rate test: what was seen, and the ln likelihood ratio of every alternative."""

    limits: RateLimits
    stable: SideCounts
    candidate: SideCounts
    log_above: tuple[float, ...]
    log_below: tuple[float, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready; `read_evidence` gives back an equal state (floats survive JSON exactly)."""
        return {
            "version": STATE_VERSION,
            "limits": [
                self.limits.max_ratio,
                self.limits.pass_ratio,
                self.limits.pass_share,
                self.limits.fail_share,
            ],
            "stable": [self.stable.trials, self.stable.events],
            "candidate": [self.candidate.trials, self.candidate.events],
            "logAbove": list(self.log_above),
            "logBelow": list(self.log_below),
        }


def no_evidence(limits: RateLimits) -> RateEvidence:
    """The state before the first interval."""
    nothing = SideCounts(0, 0)
    above, below = (0.0,) * len(ratios.ABOVE), (0.0,) * len(ratios.BELOW)
    return RateEvidence(limits, nothing, nothing, above, below)


def read_evidence(stored: dict[str, object]) -> RateEvidence:
    """The state that `to_dict` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    if stored["version"] != STATE_VERSION:
        raise ValueError(f"rate evidence of version {stored['version']}, this program reads {STATE_VERSION}")
    max_ratio, pass_ratio, pass_share, fail_share = _numbers(stored["limits"], 4)
    if max_ratio is None:
        raise ValueError("max_ratio is missing")
    return RateEvidence(
        limits=RateLimits(max_ratio, pass_ratio, pass_share, fail_share),
        stable=SideCounts(*_present(stored["stable"], 2)),
        candidate=SideCounts(*_present(stored["candidate"], 2)),
        log_above=_present(stored["logAbove"], len(ratios.ABOVE)),
        log_below=_present(stored["logBelow"], len(ratios.BELOW)),
    )


def add_interval(evidence: RateEvidence, *, stable: SideCounts, candidate: SideCounts) -> RateEvidence:
    """The evidence after one more scrape interval (counts are those of the interval, not totals).

    Order does not matter. The candidate's share of trials should be steady within an interval: cut at weight
    changes, or a bad minute that met a high share looks like a bad candidate.
    """
    return merge(evidence, _one_interval(evidence.limits, stable, candidate))


def merge(left: RateEvidence, right: RateEvidence) -> RateEvidence:
    """Evidence of two disjoint sets of intervals together. Raises ValueError under different limits."""
    if left.limits != right.limits:
        raise ValueError("evidence under different limits cannot be added: it is another test")
    return RateEvidence(
        limits=left.limits,
        stable=left.stable + right.stable,
        candidate=left.candidate + right.candidate,
        log_above=_sum(left.log_above, right.log_above),
        log_below=_sum(left.log_below, right.log_below),
    )


def _one_interval(limits: RateLimits, stable: SideCounts, candidate: SideCounts) -> RateEvidence:
    above = ratios.log_ratios(ratios.ABOVE, limits.max_ratio, stable=stable, candidate=candidate)
    null = limits.pass_ratio
    below = (
        (0.0,) * len(ratios.BELOW)
        if null is None
        else ratios.log_ratios(ratios.BELOW, null, stable=stable, candidate=candidate)
    )
    return RateEvidence(limits, stable, candidate, above, below)


def _sum(left: Sequence[float], right: Sequence[float]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(left, right, strict=True))


def _numbers(stored: object, length: int) -> tuple[float | None, ...]:
    if not isinstance(stored, list) or len(stored) != length:
        raise ValueError(f"expected a list of {length} numbers")
    if any(value is not None and not isinstance(value, int | float) for value in stored):
        raise ValueError("expected numbers")
    return tuple(stored)


def _present(stored: object, length: int) -> tuple[float, ...]:
    return tuple(_finite(value) for value in _numbers(stored, length))


def _finite(value: float | None) -> float:
    if value is None or not math.isfinite(value):
        raise ValueError("expected finite numbers")
    return value
