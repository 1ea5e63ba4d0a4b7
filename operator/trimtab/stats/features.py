"""One closed window of bucket counts, judged: which features moved, and is it enough to say so."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.stats.counts import Counts
from trimtab.stats.distance import Distance, measure, rows_to_see
from trimtab.stats.fdr import benjamini_hochberg
from trimtab.stats.persistence import Mark, PersistenceRule, mark
from trimtab.stats.power import DEFAULT_POWER
from trimtab.stats.trend import trend_p
from trimtab.stats.verdicts import DriftVerdict, combine

TESTS_OF_ORDERED = 2


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Counts of one feature in the reference and in the window, same buckets, missing as one of them.

    `order`: indices of the buckets whose values ascend; empty for categories.
    """

    feature: str
    reference: Counts
    current: Counts
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """`fdr`: false discovery rate over a signal's features. `floor`: smallest psiAdjusted that matters."""

    fdr: float = 0.01
    floor: float = 0.05
    power: float = DEFAULT_POWER

    def __post_init__(self) -> None:
        if not (0 < self.fdr < self.power < 1 and self.floor > 0):
            raise ValueError("need 0 < fdr < power < 1 and floor > 0")


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """What one window says about one feature. `p` (of both tests where the buckets have an order) and
    `p_adjusted` are None where nothing was testable."""

    feature: str
    verdict: DriftVerdict
    psi: float | None  # nats; None without rows
    psi_adjusted: float | None
    p: float | None
    p_adjusted: float | None
    samples: int
    min_samples: int | None  # rows Healthy needs; None: the reference is too small for this floor


@dataclass(frozen=True, slots=True)
class WindowDrift:
    """What one window says about one signal. Assumes independent rows: dependent ones make p too small."""

    verdict: DriftVerdict
    features: tuple[FeatureDrift, ...]
    min_samples: int | None  # the largest of the features'; None if any has none

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The drifted features, furthest first."""
        return tuple(f for f in self.top() if f.verdict is DriftVerdict.DRIFTED)

    def top(self, size: int | None = None) -> tuple[FeatureDrift, ...]:
        """The `size` features that moved furthest (psiAdjusted); ties by name. All with size None."""
        ranked = sorted(self.features, key=lambda f: (-_distance(f), f.feature))
        return tuple(ranked[:size])


def judge_features(tables: Sequence[FeatureTable], limits: DriftLimits) -> WindowDrift:
    """Judge all features of a signal in one window (a score distribution is a signal of one feature).

    A feature is Drifted if its p, adjusted over all features (Benjamini-Hochberg), is <= fdr **and**
    psiAdjusted >= floor: at any sample size, since cells with an expected count below 5 are pooled. p is that
    of chi-square; of ordered buckets twice the smaller one of chi-square and of the rank test (Bonferroni):
    chi-square sees every change, the rank test needs half of the rows for a shift.
    Healthy needs psiAdjusted < floor and at least `min_samples` rows, the power gate of chi-square at its
    level: fdr / F, of ordered buckets half of it.
    Everything else, also a large but unproved distance, is InsufficientData.

    The window is Drifted if a feature is, else InsufficientData if a feature is, NoTraffic if no feature
    has a row, else Healthy.

    Raises ValueError without tables, for malformed counts, different lengths or an empty reference.
    """
    if not tables:
        raise ValueError("a signal without features cannot be judged")
    distances = [measure(table.reference, table.current) for table in tables]
    p_values = [_p(table, distance) for table, distance in zip(tables, distances, strict=True)]
    adjusted = benjamini_hochberg(p_values)
    features = tuple(
        _judge(table, distance, p, p_adjusted, limits=limits, tested=len(tables))
        for table, distance, p, p_adjusted in zip(tables, distances, p_values, adjusted, strict=True)
    )
    return WindowDrift(combine(f.verdict for f in features), features, _largest(features))


def mark_of(feature: FeatureDrift, limits: DriftLimits, rule: PersistenceRule) -> Mark | None:
    """What the window says of the feature for its persistence; None without a row.

    Too few rows are no sign of health, so they clear nothing; but the window was looked at, and found
    nothing. Passed over, it would keep chance findings for ever, until there are two.
    """
    if feature.psi_adjusted is None:
        return None
    if feature.verdict is DriftVerdict.INSUFFICIENT_DATA:
        return Mark.BETWEEN
    significant = feature.p_adjusted is not None and feature.p_adjusted <= limits.fdr
    return mark(feature.psi_adjusted, significant=significant, rule=rule)


def _p(table: FeatureTable, distance: Distance | None) -> float | None:
    if distance is None or not table.order:
        return distance.p if distance else None
    reference, current = ([side[cell] for cell in table.order] for side in (table.reference, table.current))
    trend = trend_p(reference, current) if any(reference) and any(current) else None
    found = [p for p in (distance.p, trend) if p is not None]
    return min(1.0, TESTS_OF_ORDERED * min(found)) if found else None


def _judge(
    table: FeatureTable,
    distance: Distance | None,
    p: float | None,
    p_adjusted: float | None,
    *,
    limits: DriftLimits,
    tested: int,
) -> FeatureDrift:
    level = limits.fdr / tested / (TESTS_OF_ORDERED if table.order else 1)
    needed = rows_to_see(table.reference, floor=limits.floor, level=level, power=limits.power)
    return FeatureDrift(
        feature=table.feature,
        verdict=_verdict(distance, p_adjusted, needed, limits),
        psi=distance.psi if distance else None,
        psi_adjusted=distance.psi_adjusted if distance else None,
        p=p,
        p_adjusted=p_adjusted,
        samples=distance.samples if distance else 0,
        min_samples=needed,
    )


def _verdict(
    distance: Distance | None, p_adjusted: float | None, needed: int | None, limits: DriftLimits
) -> DriftVerdict:
    if distance is None:
        return DriftVerdict.NO_TRAFFIC
    if p_adjusted is not None and p_adjusted <= limits.fdr and distance.psi_adjusted >= limits.floor:
        return DriftVerdict.DRIFTED
    if needed is None or distance.samples < needed or distance.psi_adjusted >= limits.floor:
        return DriftVerdict.INSUFFICIENT_DATA
    return DriftVerdict.HEALTHY


def _largest(features: Sequence[FeatureDrift]) -> int | None:
    needed = [feature.min_samples for feature in features]
    known = [m for m in needed if m is not None]
    return max(known) if len(known) == len(needed) else None


def _distance(feature: FeatureDrift) -> float:
    return float("-inf") if feature.psi_adjusted is None else feature.psi_adjusted
