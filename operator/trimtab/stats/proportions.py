"""Two shares compared: did something that should be rare become more frequent?"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

MIN_EXPECTED = 5.0


@dataclass(frozen=True, slots=True)
class Occurrences:
    """`hits` of `total` rows. Raises ValueError unless 0 <= hits <= total."""

    hits: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= self.hits <= self.total:
            raise ValueError(f"need 0 <= hits <= total, got {self.hits} of {self.total}")

    @property
    def share(self) -> float:
        """hits / total in [0, 1]; 0 of 0 is 0."""
        return self.hits / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Increase:
    """Result of `increase`. `p` is one-sided: the current share is no larger than the reference's."""

    reference_share: float
    current_share: float
    difference: float  # current minus reference, in [-1, 1]
    p: float
    exact: bool  # Fisher's exact test, because an expected count was below 5


def increase(reference: Occurrences, current: Occurrences) -> Increase:
    """One-sided two-proportion test against "the current share is not larger than the reference share".

    Pooled z = (q - p) / sqrt(s (1 - s) (1/n + 1/m)) where all expected counts are >= 5, otherwise
    Fisher's exact test (hypergeometric tail). Both sides are random.

    Raises ValueError if a side has no rows.
    """
    if not (reference.total and current.total):
        raise ValueError("a side without any rows has no share")
    exact = smallest_expected(reference, current) < MIN_EXPECTED
    return Increase(
        reference_share=reference.share,
        current_share=current.share,
        difference=current.share - reference.share,
        p=_fisher(reference, current) if exact else _pooled_z(reference, current),
        exact=exact,
    )


def smallest_expected(reference: Occurrences, current: Occurrences) -> float:
    """Smallest of the four counts to be expected if both shares were equal; neither side may be empty."""
    hits, total = reference.hits + current.hits, reference.total + current.total
    return min(hits, total - hits) * min(reference.total, current.total) / total


def _pooled_z(reference: Occurrences, current: Occurrences) -> float:
    share = (reference.hits + current.hits) / (reference.total + current.total)
    variance = share * (1 - share) * (1 / reference.total + 1 / current.total)
    return float(scipy.special.ndtr(-(current.share - reference.share) / math.sqrt(variance)))


def _fisher(reference: Occurrences, current: Occurrences) -> float:
    """P(X >= current hits), X hypergeometric; scipy.stats has it, for 50 MB of the operator's memory."""
    hits, total = reference.hits + current.hits, reference.total + current.total
    smallest = max(0, hits - reference.total)
    if current.hits <= smallest:
        return 1.0
    drawn = np.arange(current.hits, min(hits, current.total) + 1)
    logs = _log_choose(hits, drawn) + _log_choose(total - hits, current.total - drawn)
    return float(min(1.0, np.exp(logs - _log_choose(total, np.asarray(current.total))).sum()))


def _log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(
        scipy.special.gammaln(n + 1) - scipy.special.gammaln(k + 1) - scipy.special.gammaln(n - k + 1)
    )


@lru_cache(maxsize=4096)
def min_samples_for_increase(
    *, reference: Occurrences, increase: float, level: float, power: float
) -> int | None:
    """Smallest window size m that shows a share of reference + `increase` at `level` with this `power`.

    Normal approximation of the one-sided two-proportion test (Fleiss, Levin and Paik, Statistical Methods
    for Rates and Proportions, 3rd ed., section 4.2): m is the smallest size with
    increase >= z_level sd0 + z_power sd1, and at least MIN_EXPECTED / (share to be seen).
    None if no window size is enough for a reference of this size. Memoised: the reference seldom changes.

    Raises ValueError unless 0 < increase, 0 < level < power < 1 and the reference has rows.
    """
    if not reference.total or increase <= 0 or not 0 < level < power < 1:
        raise ValueError("need a reference with rows, increase > 0 and 0 < level < power < 1")
    p, n = reference.share, reference.total
    q = min(1.0, p + increase)
    z_level, z_power = float(scipy.special.ndtri(1 - level)), float(scipy.special.ndtri(power))

    def detects(m: int) -> bool:
        pooled = (p * n + q * m) / (n + m)
        under_null = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        under_shift = math.sqrt(p * (1 - p) / n + q * (1 - q) / m)
        return increase >= z_level * under_null + z_power * under_shift

    return _smallest(detects, at_least=math.ceil(MIN_EXPECTED / q))


def _smallest(holds: Callable[[int], bool], *, at_least: int, at_most: int = 2**40) -> int | None:
    """Smallest whole number in the range at which a condition that stays true once true holds."""
    if not holds(at_most):
        return None
    low, high = at_least - 1, at_most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
