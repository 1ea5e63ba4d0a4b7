"""The canary's rate test on arrays: the operator's own priors and formula, for thousands of runs at once.

`tests/simulations/test_canary_rates.py` holds it against the code that judges, look by look.
"""

from __future__ import annotations

import math

import numpy as np
from tests.simulations.traffic import Counts, Numbers

from trimtab.stats import ratios
from trimtab.stats.mixtures import Prior

NEVER = -1


def log_e_fail(counts: Counts, max_ratio: float) -> Numbers:
    """ln E against "the candidate's rate is at most `max_ratio` times stable's", after every look."""
    return _log_e(ratios.ABOVE, counts, max_ratio)


def log_e_pass(counts: Counts, pass_ratio: float) -> Numbers:
    """ln E against "the candidate's rate is at least `pass_ratio` times stable's", after every look."""
    return _log_e(ratios.BELOW, counts, pass_ratio)


def first_look(log_e: Numbers, alpha: float) -> np.ndarray:
    """The look at which each run is decided; NEVER where it is not."""
    reached = log_e >= -math.log(alpha)
    return np.where(reached.any(axis=1), reached.argmax(axis=1), NEVER)


def _log_e(atoms: Prior, counts: Counts, null_ratio: float) -> Numbers:
    stable, candidate = counts.stable_trials, counts.candidate_trials
    informative = (stable > 0) & (candidate > 0)
    errors = np.where(informative, counts.candidate_errors, 0.0)
    both = np.where(informative, counts.stable_errors + counts.candidate_errors, 0.0)
    base = np.where(informative, null_ratio * candidate + stable, 1.0)
    total = np.full(stable.shape, -np.inf)
    for atom in atoms:
        odds = (atom.multiplier * null_ratio * candidate + stable) / base
        gained = errors * math.log(atom.multiplier) - both * np.log(np.where(informative, odds, 1.0))
        np.logaddexp(total, np.cumsum(gained, axis=1) + math.log(atom.weight), out=total)
    return total
