"""One share against a limit, valid at every look: e-process and confidence bound for a Bernoulli share.

For a multiplier c and a limit r the likelihood ratio of "the odds are c times those of r" after x events in
n trials is c^x / (1 + (c - 1) r)^n. Per trial its mean is (1 + (c - 1) s) / (1 + (c - 1) r) when the true
share is s: at most 1 for c > 1 while s <= r, and for c < 1 while s >= r, even if s changes over time. So a
mixture over multipliers on one side is an e-process of the limit, and by Ville's inequality it exceeds
1 / alpha with probability <= alpha at **any** schedule of looks (Ramdas et al., Game-Theoretic Statistics
and Safe Anytime-Valid Inference, Statistical Science 2023). It depends on n and x only: no state.
"""

import math
from typing import Final

from trimtab.stats.mixtures import Prior, log_mean, prior

# Zero errors is what a good candidate shows, so most of the prior sits there: clean traffic passes after
# (ln(1/alpha) - ln 0.9) / limit trials, 2 % above the least possible.
_BELOW: Final = prior((0.0, 0.9), (0.05, 0.02), (0.15, 0.02), (0.3, 0.02), (0.5, 0.02), (0.7, 0.02))
_ABOVE: Final = prior(*((c, 1 / 8) for c in (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 1000.0)))
_BISECTIONS = 40  # the bound is exact to 2**-40


def log_e_above(trials: float, events: float, limit: float) -> float:
    """ln E against "the share is at most `limit`". E >= 1/alpha shows that it is larger.

    Counts may be fractional in projections. Raises ValueError unless 0 <= events <= trials and
    0 < limit < 1 (as do all functions here).
    """
    _check(trials, events, limit)
    return _log_e(_ABOVE, trials, events, limit)


def log_e_below(trials: float, events: float, limit: float) -> float:
    """ln E against "the share is at least `limit`". E >= 1/alpha shows that it is smaller."""
    _check(trials, events, limit)
    return _log_e(_BELOW, trials, events, limit)


def upper_bound(trials: float, events: float, alpha: float) -> float:
    """Upper end of a one-sided 1 - alpha confidence sequence of the share, in [0, 1].

    Covers the true share at all looks at once with probability >= 1 - alpha. It is below a limit exactly
    when `log_e_below` of that limit reaches ln(1 / alpha). No trials: 1.
    """
    _check(trials, events, alpha)
    threshold = math.log(1 / alpha)
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        rejected = _log_e(_BELOW, trials, events, middle) >= threshold
        low, high = (low, middle) if rejected else (middle, high)
    return high


def _check(trials: float, events: float, fraction: float) -> None:
    if not (0 <= events <= trials and 0 < fraction < 1):
        raise ValueError("need 0 <= events <= trials and a limit or alpha strictly between 0 and 1")


def _log_e(atoms: Prior, trials: float, events: float, limit: float) -> float:
    return log_mean(atoms, (_log_ratio(atom.multiplier, trials, events, limit) for atom in atoms))


def _log_ratio(multiplier: float, trials: float, events: float, limit: float) -> float:
    if multiplier == 0 and events:
        return -math.inf
    gained = events * math.log(multiplier) if events else 0.0
    return gained - trials * math.log1p((multiplier - 1) * limit)
