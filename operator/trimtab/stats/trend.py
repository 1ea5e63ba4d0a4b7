"""Did ordered rows move up or down? The rank test, which sees a shift that chi-square needs more rows for."""

import math

import scipy

from trimtab.stats.counts import Counts, as_table


def trend_p(reference: Counts, current: Counts) -> float | None:
    """Two-sided p of Wilcoxon, Mann and Whitney's test on buckets in ascending order; rows of one bucket are
    tied (midranks, variance with the correction for ties: Lehmann, Nonparametrics, 1975, p. 20). None: all
    rows are in one bucket.

    Normal approximation without continuity correction, as scipy.stats.mannwhitneyu(method="asymptotic",
    use_continuity=False) of the raw buckets. Raises ValueError as `as_table` does.
    """
    rows = as_table(reference, current)
    n, m = sum(rows[0]), sum(rows[1])
    total = n + m
    below = ranks = ties = 0.0
    for known, seen in zip(*rows, strict=True):
        tied = known + seen
        ranks += seen * (below + (tied + 1) / 2)
        ties += tied**3 - tied
        below += tied
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1))) if total > 1 else 0.0
    if variance <= 0:
        return None
    z = (ranks - m * (total + 1) / 2) / math.sqrt(variance)
    return float(2 * scipy.special.ndtr(-abs(z)))
