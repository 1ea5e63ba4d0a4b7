"""Prediction shift: do candidate and stable score the same traffic differently?"""

from dataclasses import dataclass

from trimtab.stats.counts import Counts
from trimtab.stats.distance import measure
from trimtab.stats.grouping import BucketGroups
from trimtab.stats.skew import LookLimits
from trimtab.stats.verdicts import CanaryVerdict


@dataclass(frozen=True, slots=True)
class ShiftLook:
    """Result of `look_at_shift`. PSI in nats, stable as the reference; None while no look was taken."""

    verdict: CanaryVerdict
    level: float
    psi_adjusted: float | None
    p: float | None
    samples: int


def look_at_shift(stable: Counts, candidate: Counts, groups: BucketGroups, limits: LookLimits) -> ShiftLook:
    """The one look of a step at the candidate's live score counts against stable's, in the same window.

    Counts are per score bucket of the same edges on both sides and are merged by `groups` (quantiles of
    stable's reference). Fail: two-sample chi-square p <= alpha / looks and psiAdjusted >= floor. A model
    retrained because the world moved must differ, so a Fail is for the caller to observe, as a rule.

    Before `limits.samples` rows on either side nothing is tested: Inconclusive, or NoData without any.
    Raises ValueError for malformed counts or another number of buckets than `groups` has.
    """
    ours, theirs = groups.merge(candidate), groups.merge(stable)
    level = limits.level(1)
    if min(sum(ours), sum(theirs)) < limits.samples:
        early = CanaryVerdict.INCONCLUSIVE if any(ours) else CanaryVerdict.NO_DATA
        return ShiftLook(early, level, None, None, int(sum(ours)))
    moved = measure(theirs, ours)
    if moved is None:
        raise ValueError("limits.samples must be at least 1")
    verdict = CanaryVerdict.FAIL if moved.is_off(floor=limits.floor, level=level) else CanaryVerdict.PASS
    return ShiftLook(verdict, level, moved.psi_adjusted, moved.p, moved.samples)
