"""The check that Argo Rollouts and Flagger make: at every interval, is a number of the last one too high?

Argo Rollouts: `interval`, `count`, `failureLimit`; the analysis fails at failed measurement number
failureLimit + 1. Flagger: `interval` and `threshold`; the canary fails at failed check number `threshold`. So
both are: roll back at the K-th failed check. Neither tool chooses the limit; here it is chosen so that a
sound candidate is rolled back in a share alpha of rollouts, which takes more than their users have: the
error rate of stable in advance, and thousands of rollouts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from tests.simulations.sequential import NEVER
from tests.simulations.traffic import Counts, Numbers


@dataclass(frozen=True)
class Checker:
    """`interval` in seconds; `failures`: the K of the module.

    `against`: a fixed error rate, or stable's in the same interval, as a query may compute.
    """

    interval: int
    failures: int
    against: Literal["limit", "stable"]

    def looks(self, counts: Counts, seconds_per_column: int) -> Counts:
        return counts.every(self.interval // seconds_per_column)

    def statistic(self, looks: Counts) -> Numbers:
        """What is compared with the limit, per look. No candidate traffic is no failure."""
        rate = _share(looks.candidate_errors, looks.candidate_trials, 0.0)
        if self.against == "limit":
            return rate
        stable = _share(looks.stable_errors, looks.stable_trials, 0.0)
        # Stable without an error in the interval: as if it had half of one.
        floor = 0.5 / np.maximum(looks.stable_trials, 1)
        ratio: Numbers = rate / np.maximum(stable, floor)
        return ratio

    def tuned(self, sound: Counts, seconds_per_column: int, alpha: float) -> float:
        """The limit at which a share of at most alpha of these rollouts is rolled back."""
        checked = self.statistic(self.looks(sound, seconds_per_column))
        kth_largest = np.sort(checked, axis=1)[:, -self.failures]
        return float(np.quantile(kth_largest, 1 - alpha, method="higher"))

    def first_look(self, looks: Counts, limit: float) -> np.ndarray:
        """The look that rolls back each run; NEVER where none does."""
        failed = np.cumsum(self.statistic(looks) > limit, axis=1) >= self.failures
        return np.where(failed.any(axis=1), failed.argmax(axis=1), NEVER)


def _share(errors: Numbers, trials: Numbers, empty: float) -> Numbers:
    shares: Numbers = np.divide(errors, trials, out=np.full(errors.shape, empty), where=trials > 0)
    return shares
