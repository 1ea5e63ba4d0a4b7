"""How many rows a window needs before silence means health."""

import math
from functools import lru_cache

import scipy

DEFAULT_POWER = 0.8


@lru_cache(maxsize=4096)
def required_noncentrality(df: int, level: float, power: float = DEFAULT_POWER) -> float:
    """Smallest lambda with P(ncx2(df, lambda) > chi2_{1-level}(df)) >= power. A pure function, memoised."""
    critical = scipy.special.chdtri(df, level)
    return float(scipy.special.chndtrinc(critical, df, 1 - power))


def min_samples(
    *,
    buckets: int,
    reference_samples: int,
    effect: float,
    level: float,
    power: float = DEFAULT_POWER,
) -> int | None:
    """Smallest window size m at which a PSI of `effect` is significant at `level` with this `power`.

    Solves P(ncx2(B - 1, effect n m / (n + m)) > chi2_{1-level}(B - 1)) >= power: for small shifts the
    two-sample X2 is about n m / (n + m) times PSI, so `effect` is in PSI units (nats). For F features
    judged together pass level = fdr / F, the level Benjamini-Hochberg gives the smallest p-value.

    None: no window is large enough, because the reference itself is too small for this effect.
    One bucket is counted as two (a constant feature can only move into a second one).

    Raises ValueError unless reference_samples >= 1, effect > 0, 0 < level < power < 1 and buckets >= 1.
    """
    if reference_samples < 1 or buckets < 1 or effect <= 0 or not 0 < level < power < 1:
        raise ValueError("need reference_samples >= 1, buckets >= 1, effect > 0 and 0 < level < power < 1")
    needed = required_noncentrality(max(buckets, 2) - 1, level, power)
    surplus = effect * reference_samples - needed
    if surplus <= 0:
        return None
    return max(1, math.ceil(needed * reference_samples / surplus))
