"""Do two models say the same of the same requests? One exact binomial test."""

from __future__ import annotations

import scipy


def is_surely_below(agreeing: int, pairs: int, *, least: float, level: float) -> bool:
    """Whether so few of the pairs agree that a true share of ``least`` or more would show as few of them with
    a probability of ``level`` at most (one-sided exact binomial test, Clopper and Pearson 1934)."""
    if not 0 <= agreeing <= pairs or not (0 < least <= 1 and 0 < level < 1):
        raise ValueError("need 0 <= agreeing <= pairs, 0 < least <= 1 and 0 < level < 1")
    if pairs == 0:
        return False
    # The lower tail itself: scipy.stats has it as binomtest, and takes 60 MiB and a second to import.
    return float(scipy.special.bdtr(agreeing, pairs, least)) <= level
