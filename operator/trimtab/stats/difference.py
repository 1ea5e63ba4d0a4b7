"""How much larger one share is than another, with an interval: a comparison of fixed length, one look."""

import math
from dataclasses import dataclass

import scipy

from trimtab.stats.proportions import MIN_EXPECTED, Occurrences, smallest_expected


@dataclass(frozen=True, slots=True)
class Difference:
    """Share of the second side minus that of the first, in [-1, 1], and both ends of its interval."""

    value: float
    low: float
    high: float


def difference(first: Occurrences, second: Occurrences, *, level: float = 0.95) -> Difference:
    """Newcombe's hybrid score interval for the difference of two independent shares.

    Square-and-add of two Wilson intervals: method 10 of Newcombe, Interval estimation for the difference
    between independent proportions, Statistics in Medicine 17 (1998), 873-890. It never leaves [-1, 1] and
    keeps its level for shares near 0 and 1, if `enough` is true: with fewer events one side of a 95 %
    interval errs in up to 9.5 % of comparisons of two equal shares, not in 2.5 %. One look only: peeking
    widens the error.

    Raises ValueError if a side has no rows, or unless 0 < level < 1.
    """
    if not (first.total and second.total):
        raise ValueError("a side without any rows has no share")
    if not 0 < level < 1:
        raise ValueError("level must lie strictly between 0 and 1")
    z = float(scipy.special.ndtri((1 + level) / 2))
    (low_1, high_1), (low_2, high_2) = wilson(first, z), wilson(second, z)
    one, two = first.share, second.share
    return Difference(
        value=two - one,
        low=two - one - math.hypot(two - low_2, high_1 - one),
        high=two - one + math.hypot(high_2 - two, one - low_1),
    )


def enough(first: Occurrences, second: Occurrences) -> bool:
    """Whether counts are large enough to be believed: neither side is empty, and at least MIN_EXPECTED of
    either value are to be expected on each. One side of a 95 % interval then errs in at most 3.4 %."""
    return bool(first.total and second.total) and smallest_expected(first, second) >= MIN_EXPECTED


def wilson(seen: Occurrences, z: float) -> tuple[float, float]:
    """Wilson's score interval of one share, without continuity correction; ``z``: normal quantile."""
    n, share = seen.total, seen.share
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)
