"""Prediction shift: do candidate and stable score the same traffic differently?"""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.stats.counts import Counts
from trimtab.stats.distance import measure
from trimtab.stats.grouping import common_groups, quantile_groups
from trimtab.stats.skew import LookLimits
from trimtab.stats.verdicts import CanaryVerdict


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """One version's interior score edges, and the counts in its buckets: its reference and the live rows."""

    edges: Sequence[float]
    reference: Counts
    live: Counts


@dataclass(frozen=True, slots=True)
class ShiftLook:
    """Result of `look_at_shift`. PSI in nats, stable as the reference; None while no look was taken."""

    verdict: CanaryVerdict
    level: float
    psi_adjusted: float | None
    p: float | None
    samples: int


def look_at_shift(stable: ScoreTable, candidate: ScoreTable, limits: LookLimits) -> ShiftLook:
    """The one look of a step at the candidate's live scores against stable's, in the same window.

    Counts are merged to the edges both versions have, then to at most 10 quantile groups of stable's
    reference. Fail: two-sample chi-square p <= alpha / looks and psiAdjusted >= floor. A model retrained
    because the world moved must differ, so a Fail is for the caller to observe, as a rule.

    Before `limits.samples` rows on either side nothing is tested: Inconclusive, or NoData without any.
    Raises ValueError for malformed counts, or counts that do not fit their edges.
    """
    theirs, ours = _comparable(stable, candidate)
    level = limits.level(1)
    if min(sum(ours), sum(theirs)) < limits.samples:
        early = CanaryVerdict.INCONCLUSIVE if any(ours) else CanaryVerdict.NO_DATA
        return ShiftLook(early, level, None, None, int(sum(ours)))
    moved = measure(theirs, ours)
    if moved is None:
        raise ValueError("limits.samples must be at least 1")
    verdict = CanaryVerdict.FAIL if moved.is_off(floor=limits.floor, level=level) else CanaryVerdict.PASS
    return ShiftLook(verdict, level, moved.psi_adjusted, moved.p, moved.samples)


def _comparable(stable: ScoreTable, candidate: ScoreTable) -> tuple[list[float], list[float]]:
    theirs, ours = common_groups(stable.edges, candidate.edges)
    deciles = quantile_groups(theirs.merge(stable.reference))
    return deciles.merge(theirs.merge(stable.live)), deciles.merge(ours.merge(candidate.live))
