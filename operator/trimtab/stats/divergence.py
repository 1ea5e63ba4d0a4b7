"""Distances beside PSI, of counts in buckets, and between what the distance of the raw rows lies.

All of them are 0 for equal shares, grow with the distance, and need no smoothing. Counts are of the same
buckets on both sides. A bucket hides what happens within it, so the distance of the raw rows is never smaller
than that of the buckets (data processing inequality) and may be larger: `low` and `high` say between what.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from trimtab.stats.counts import Counts, as_table

Unit = Literal["", "bits", "feature", "sqrt(feature)"]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Divergence:
    """One distance of `current_samples` rows from `reference_samples` rows.

    `unit`: "" has none; feature is the unit of the feature itself. `low` and `high` enclose the value of the
    raw rows; `high` is infinite where rows lie outside of all known edges. `p` None: no test goes with it.
    """

    value: float
    low: float
    high: float
    unit: Unit
    reference_samples: int
    current_samples: int
    p: float | None = None


def jensen_shannon(reference: Counts, current: Counts, *, exact: bool = False) -> Divergence:
    """Jensen-Shannon distance, base 2: the root of the divergence, in [0, 1] (Endres and Schindelin, 2003).

    sqrt((KL(p || m) + KL(q || m)) / 2), m = (p + q) / 2, as scipy.spatial.distance.jensenshannon(p, q, 2).
    `exact`: each bucket is one value, so nothing is hidden. Raises ValueError as `as_table` does.
    """
    p, q, n, m = _shares(reference, current)
    middle = (p + q) / 2
    nats = (scipy.special.rel_entr(p, middle).sum() + scipy.special.rel_entr(q, middle).sum()) / 2
    return _bounded(math.sqrt(max(0.0, float(nats)) / math.log(2)), n, m, exact=exact)


def hellinger(reference: Counts, current: Counts, *, exact: bool = False) -> Divergence:
    """Hellinger distance sqrt(1 - sum sqrt(p q)), in [0, 1]. `exact` as in `jensen_shannon`."""
    p, q, n, m = _shares(reference, current)
    # By the squared differences: 1 - sum sqrt(p q) of nearly equal shares has no digits left.
    return _bounded(float(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)), n, m, exact=exact)


def l_infinity(reference: Counts, current: Counts, *, exact: bool = False) -> Divergence:
    """The largest difference of a bucket's shares, in [0, 1] (TensorFlow Data Validation, NannyML).

    Of numbers only the one of the buckets is meant: that of single values would be near 0 whatever happens.
    """
    p, q, n, m = _shares(reference, current)
    return _bounded(float(np.abs(p - q).max()), n, m, exact=exact)


def kolmogorov_smirnov(reference: Counts, current: Counts) -> Divergence:
    """The largest difference of the two cumulative shares, in [0, 1]; buckets in ascending order.

    Within a bucket the difference can move up by its share of one side before it moves down by that of the
    other: `high` is the largest that this allows. `p` is asymptotic, of the bucketed value, and so never too
    small: kolmogorov(D sqrt(n m / (n + m))) (Smirnov, 1948).
    """
    p, q, n, m = _shares(reference, current)
    before, after, _ = _differences(p, q)
    value = float(np.abs(after).max())
    high = float(max(np.abs(before + p).max(), np.abs(before - q).max()))
    chance = float(scipy.special.kolmogorov(value * math.sqrt(n * m / (n + m))))
    return Divergence(value, value, min(1.0, max(value, high)), "", n, m, chance)


def wasserstein(bounds: Sequence[float], reference: Counts, current: Counts) -> Divergence:
    """Earth mover's distance: the integral of |F - G| over the feature, in its own unit.

    `bounds`: the B + 1 ascending ends of the B buckets; the outer two may be infinite. Between two ends both
    sides are taken as evenly spread, so the difference runs straight; `low` and `high` are what any spread
    can give. Rows in a bucket without an end are counted as if they were at the end that there is: then
    `high` is infinite.
    """
    p, q, n, m, widths = _spans(bounds, reference, current)
    before, after, (low, high) = _differences(p, q)
    value = float((widths * _mean_absolute(before, after)).sum())
    least = float((widths * np.maximum(0.0, np.maximum(low, -high))).sum())
    most = float((widths * np.maximum(high, -low)).sum())
    return Divergence(value, least, _open(bounds, p, q, most), "feature", n, m)


def energy(bounds: Sequence[float], reference: Counts, current: Counts) -> Divergence:
    """Energy distance sqrt(2 integral (F - G)^2), in the root of the feature's unit (Szekely, 2002).

    As scipy.stats.energy_distance; `bounds` and the meaning of `low` and `high` as in `wasserstein`.
    """
    p, q, n, m, widths = _spans(bounds, reference, current)
    before, after, (low, high) = _differences(p, q)
    squares = (before**2 + before * after + after**2) / 3  # mean square of a straight line
    value = math.sqrt(2 * float((widths * squares).sum()))
    least = math.sqrt(2 * float((widths * np.maximum(0.0, np.maximum(low, -high)) ** 2).sum()))
    most = math.sqrt(2 * float((widths * np.maximum(high, -low) ** 2).sum()))
    return Divergence(value, least, _open(bounds, p, q, most), "sqrt(feature)", n, m)


def _shares(reference: Counts, current: Counts) -> tuple[Vector, Vector, int, int]:
    rows = [np.asarray(side) for side in as_table(reference, current)]
    n, m = (int(side.sum()) for side in rows)
    return rows[0] / n, rows[1] / m, n, m


def _bounded(value: float, n: int, m: int, *, exact: bool) -> Divergence:
    return Divergence(value, value, value if exact else 1.0, "", n, m)


def _differences(p: Vector, q: Vector) -> tuple[Vector, Vector, tuple[Vector, Vector]]:
    """F - G at the begin and at the end of each bucket, and the least and greatest it can be within."""
    after = np.cumsum(p - q)
    after[-1] = 0.0  # both end at 1, whatever the rounding of a sum says
    before = np.concatenate([[0.0], after[:-1]])
    return before, after, (before - q, before + p)


def _mean_absolute(begin: Vector, end: Vector) -> Vector:
    """Mean of |x| along a straight line from `begin` to `end`."""
    total = np.abs(begin) + np.abs(end)
    crossing = np.divide(begin**2 + end**2, 2 * total, out=np.zeros_like(total), where=total > 0)
    return np.where(begin * end < 0, crossing, total / 2)


def _spans(
    bounds: Sequence[float], reference: Counts, current: Counts
) -> tuple[Vector, Vector, int, int, Vector]:
    """Shares, sizes and widths of the buckets; one without an end is as wide as nothing."""
    p, q, n, m = _shares(reference, current)
    if len(bounds) != p.size + 1 or any(not a <= b for a, b in pairwise(bounds)):
        raise ValueError(f"{p.size} buckets need {p.size + 1} ascending bounds")
    widths = np.diff(np.asarray(bounds, dtype=np.float64))
    return p, q, n, m, np.where(np.isfinite(widths), widths, 0.0)


def _open(bounds: Sequence[float], p: Vector, q: Vector, most: float) -> float:
    outside = (math.isinf(bounds[0]) and p[0] + q[0] > 0) or (math.isinf(bounds[-1]) and p[-1] + q[-1] > 0)
    return math.inf if outside else most
