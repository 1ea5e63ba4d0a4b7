"""Two-sample chi-square test of homogeneity on a 2 x B table of counts."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from trimtab.stats.counts import Counts, Vector, as_table

MIN_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Result of `chi_square`. With `df` 0 nothing was tested and `p` is None, which is not p = 1."""

    statistic: float
    df: int
    p: float | None
    pooled: int  # buckets that were merged into one because their expected count was below 5


def chi_square(reference: Counts, current: Counts) -> ChiSquare:
    """Are two samples draws from one distribution? X2 = sum (O - E)^2 / E over both rows, df = cells - 1.

    Both rows are random. Taking the reference as exact (a one-sample test) gives 23 to 74 % false alarms
    at a nominal 5 %, this test 4 to 6 %.

    Buckets whose expected count is below 5 on either side (Cochran, Some Methods for Strengthening the
    Common chi2 Tests, 1954) are merged, smallest first, until every cell reaches 5. One cell left means
    `df` 0: not testable. Empty buckets do not count. Invariant under a permutation of the buckets.

    Raises ValueError for malformed counts, different lengths or an empty side.
    """
    rows = np.stack(as_table(reference, current))
    rows = rows[:, rows.any(axis=0)]
    cells, pooled = _pool(rows)
    df = cells.shape[1] - 1
    if df == 0:
        return ChiSquare(statistic=0.0, df=0, p=None, pooled=pooled)
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    statistic = float(((cells - expected) ** 2 / expected).sum())
    return ChiSquare(statistic=statistic, df=df, p=float(special.chdtrc(df, statistic)), pooled=pooled)


def _pool(rows: Vector) -> tuple[Vector, int]:
    """Merge the rarest buckets until every expected count is >= MIN_EXPECTED (or one cell is left)."""
    totals = rows.sum(axis=0)
    # A bucket's smaller expected count is (its total) x (share of the smaller side).
    enough = MIN_EXPECTED * totals.sum() / rows.sum(axis=1).min()
    if (totals >= enough).all():
        return rows, 0
    order = np.lexsort((rows[0], totals))
    merged = int(np.searchsorted(totals[order], enough, side="left"))
    # The rare ones may together still be too few, and a lone rare bucket needs a partner.
    reached = int(np.searchsorted(np.cumsum(totals[order]), enough, side="left")) + 1
    merged = min(max(merged, reached), totals.size)
    ordered = rows[:, order]
    pool = ordered[:, :merged].sum(axis=1, keepdims=True)
    return np.concatenate((pool, ordered[:, merged:]), axis=1), merged
