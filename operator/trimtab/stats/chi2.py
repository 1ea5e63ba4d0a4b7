"""Two-sample chi-square test of homogeneity on a 2 x B table of counts."""

from dataclasses import dataclass

import scipy

from trimtab.stats.counts import Counts, as_table

MIN_EXPECTED = 5.0

Column = tuple[float, float]  # rows of one bucket: reference, current


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """Result of `chi_square`. With `df` 0 nothing was tested and `p` is None, which is not p = 1."""

    statistic: float
    df: int
    p: float | None
    pooled: int  # buckets that were merged because an expected count was below 5


def chi_square(reference: Counts, current: Counts) -> ChiSquare:
    """Are two samples draws from one distribution? X2 = sum (O - E)^2 / E over both rows, df = cells - 1.

    Both rows are random. Taking the reference as exact (a one-sample test) gives 23 to 74 % false alarms
    at a nominal 5 %, this test 4 to 6 %.

    Buckets whose expected count is below 5 on either side (Cochran, Some Methods for Strengthening the
    Common chi2 Tests, 1954) are merged with each other, neighbours first, until every cell reaches 5. One
    cell left means `df` 0: not testable. Empty buckets do not count. The order of the buckets matters only
    to which rare ones are merged; what is merged depends on their totals, never on the side of a row, which
    would bias the test.

    Raises ValueError for malformed counts, different lengths or an empty side.
    """
    columns = [column for column in zip(*as_table(reference, current), strict=True) if any(column)]
    cells, pooled = _pool(columns)
    df = len(cells) - 1
    if df == 0:
        return ChiSquare(statistic=0.0, df=0, p=None, pooled=pooled)
    statistic = _statistic(cells)
    return ChiSquare(statistic=statistic, df=df, p=float(scipy.special.chdtrc(df, statistic)), pooled=pooled)


def _statistic(columns: list[Column]) -> float:
    n, m = sum(p for p, _ in columns), sum(q for _, q in columns)
    # Both rows deviate by the same amount in a column, so its two terms share one numerator.
    deviations = sum((p - (p + q) * n / (n + m)) ** 2 / (p + q) for p, q in columns)
    return deviations * (n + m) * (n + m) / (n * m)


def _pool(columns: list[Column]) -> tuple[list[Column], int]:
    """Merge rare buckets until every expected count is >= MIN_EXPECTED (or one cell is left)."""
    n, m = sum(p for p, _ in columns), sum(q for _, q in columns)
    # A bucket's smaller expected count is (its total) x (share of the smaller side).
    enough = MIN_EXPECTED * (n + m) / min(n, m)
    totals = [p + q for p, q in columns]
    if min(totals) >= enough:
        return columns, 0
    cells = _cells(totals, enough)
    merged = [(sum(columns[b][0] for b in cell), sum(columns[b][1] for b in cell)) for cell in cells]
    return merged, sum(len(cell) for cell in cells if len(cell) > 1)


def _cells(totals: list[float], enough: float) -> list[list[int]]:
    """Buckets of each cell: the common ones alone, the rare ones packed together in their order."""
    cells: list[list[int]] = []
    pack, filled = [], 0.0
    for bucket, total in enumerate(totals):
        if total >= enough:
            cells.append([bucket])
            continue
        pack.append(bucket)
        filled += total
        if filled >= enough:
            cells.append(pack)
            pack, filled = [], 0.0
    if not cells:
        return [pack]
    # What is left over is too rare for a cell of its own: it joins the rarest cell.
    min(cells, key=lambda cell: sum(totals[bucket] for bucket in cell)).extend(pack)
    return cells
