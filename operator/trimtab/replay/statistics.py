"""Every statistic of a feature in a window, of its buckets as in production."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from trimtab.model.profile_tables import CountTable
from trimtab.stats.chi2 import chi_square
from trimtab.stats.divergence import (
    Divergence,
    energy,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    l_infinity,
    wasserstein,
)
from trimtab.stats.psi import psi
from trimtab_runtime.contract.profile import CategoricalFeature, Feature, NumericFeature

PSI, PSI_ADJUSTED, CHI_SQUARE, KS = "psi", "psiAdjusted", "chiSquare", "kolmogorovSmirnov"
JENSEN_SHANNON, HELLINGER, L_INFINITY = "jensenShannon", "hellinger", "lInfinity"
WASSERSTEIN, WASSERSTEIN_SIGMA, ENERGY = "wasserstein", "wassersteinOverSigma", "energy"

_SMALLEST: Final = 1e-12


@dataclass(frozen=True)
class Statistic:
    """A number, `p` where a test goes with it, and between what the value of the raw rows lies where that is
    known. `unit`: nats, bits, feature (its own), sqrt(feature), or none."""

    value: float
    p: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    df: int | None = None


def statistics_of(feature: Feature, table: CountTable) -> Mapping[str, Statistic]:
    """By name; nothing for a window without a row of the feature."""
    return MappingProxyType(dict(_statistics(feature, table)) if any(table.live) else {})


def _statistics(feature: Feature, table: CountTable) -> Iterator[tuple[str, Statistic]]:
    """PSI and chi-square take missing for a bucket, the others of numbers leave it out."""
    moved, test = psi(table.reference, table.live), chi_square(table.reference, table.live)
    yield PSI, Statistic(moved.value, unit="nats")
    yield PSI_ADJUSTED, Statistic(moved.adjusted, unit="nats")
    yield CHI_SQUARE, Statistic(test.statistic, p=test.p, df=test.df)
    match feature:
        case CategoricalFeature():
            # With `__other__` or unseen rows a bucket stands for several values.
            exact = not feature.counts[-1] and not table.live[-1]
            yield from _of_shares(table.reference, table.live, exact=exact)
        case NumericFeature():
            yield from _of_numbers(feature, table)


def _of_shares(
    reference: Sequence[int], live: Sequence[int], *, exact: bool
) -> Iterator[tuple[str, Statistic]]:
    yield JENSEN_SHANNON, _statistic(jensen_shannon(reference, live, exact=exact))
    yield HELLINGER, _statistic(hellinger(reference, live, exact=exact))
    yield L_INFINITY, _statistic(l_infinity(reference, live, exact=exact))


def _of_numbers(feature: NumericFeature, table: CountTable) -> Iterator[tuple[str, Statistic]]:
    buckets = len(feature.counts)
    reference, live = (_ordered(side, buckets) for side in (table.reference, table.live))
    if not (any(reference) and any(live)):
        return
    yield from _of_shares(reference, live, exact=False)
    yield KS, _statistic(kolmogorov_smirnov(reference, live))
    bounds = (-math.inf, feature.minimum, *feature.edges, feature.maximum, math.inf)
    moved = wasserstein(bounds, reference, live)
    yield WASSERSTEIN, _statistic(moved)
    sigma = _sigma(bounds[1:-1], feature.counts)
    if sigma > _SMALLEST:
        yield (
            WASSERSTEIN_SIGMA,
            Statistic(moved.value / sigma, low=moved.low / sigma, high=_finite(moved.high / sigma)),
        )
    yield ENERGY, _statistic(energy(bounds, reference, live))


def _ordered(side: Sequence[int], buckets: int) -> tuple[int, ...]:
    """Below, the buckets, above: of a table in the order buckets, below, above, missing, unseen."""
    return (side[buckets], *side[:buckets], side[buckets + 1])


def _sigma(bounds: Sequence[float], counts: Sequence[int]) -> float:
    """Standard deviation of rows that are evenly spread within their buckets."""
    rows = sum(counts)
    ends = list(pairwise(bounds))
    mean = sum(n * (a + b) / 2 for n, (a, b) in zip(counts, ends, strict=True)) / rows
    spread = sum(
        n * (((a + b) / 2 - mean) ** 2 + (b - a) ** 2 / 12) for n, (a, b) in zip(counts, ends, strict=True)
    )
    return math.sqrt(spread / rows)


def _statistic(found: Divergence) -> Statistic:
    return Statistic(found.value, p=found.p, low=found.low, high=_finite(found.high), unit=found.unit)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
