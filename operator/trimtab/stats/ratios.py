"""Candidate rate over stable rate, judged per event and valid at every look.

In an interval with n_c trials of the candidate and n_s of stable, under rate ratio rho an event belongs to
the candidate with probability rho n_c / (rho n_c + n_s). The likelihood ratio of "rho is c times rho0" over
x_c events of the candidate among k is c^x_c (D(rho0) / D(c rho0))^k with D(r) = r n_c + n_s.

For c > 1 its mean is <= 1 whenever the true ratio is <= rho0 (mirrored for c < 1 and >= rho0), whatever the
rates are: with independent trials it is at most exp(r_s [rho n_c (a - 1) + n_s (b - 1)]), a and b the
factors of one candidate and one stable event, and the bracket is 0 at rho0. So the rates may change from
interval to interval (a bad hour hits both sides), the shares too, and trials need not be rare to fail. The
product over intervals is a supermartingale, a mixture over c an e-process: by Ville's inequality it ever
exceeds 1 / alpha with probability <= alpha.

Related: Lindon and Malek, Anytime-Valid Inference for Multinomial Count Data, NeurIPS 2022.
"""

import math
from dataclasses import dataclass
from typing import Final

from trimtab.stats.mixtures import Prior, prior

ABOVE: Final = prior(*((c, 1 / 10) for c in (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 300.0, 1000.0)))
BELOW: Final = prior((0.85, 0.1), (0.7, 0.15), (0.5, 0.45), (0.3, 0.1), (0.1, 0.1), (0.01, 0.1))


@dataclass(frozen=True, slots=True)
class SideCounts:
    """`events` (errors, slow requests) among `trials` (requests or connections) of one side.

    Whole numbers when observed; fractions only in projections. Raises ValueError unless
    0 <= events <= trials: a request that vanished unanswered is a trial too.
    """

    trials: float
    events: float

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.trials < math.inf:
            raise ValueError(f"need 0 <= events <= trials, got {self.events} of {self.trials}")

    def __add__(self, other: "SideCounts") -> "SideCounts":
        return SideCounts(self.trials + other.trials, self.events + other.events)

    @property
    def share(self) -> float | None:
        """events / trials; None without trials."""
        return self.events / self.trials if self.trials else None


def log_ratios(
    atoms: Prior, null_ratio: float, *, stable: SideCounts, candidate: SideCounts
) -> tuple[float, ...]:
    """ln likelihood ratio of each alternative `multiplier x null_ratio` against `null_ratio`, one interval.

    Adds up over intervals. 0 for an interval without events, and for one in which only one side had
    trials: such events carry no information on the ratio. Raises ValueError unless null_ratio > 0.
    """
    if null_ratio <= 0:
        raise ValueError("null_ratio must be positive")
    if not (stable.trials and candidate.trials):
        return (0.0,) * len(atoms)
    events = stable.events + candidate.events
    base = null_ratio * candidate.trials + stable.trials
    return tuple(
        candidate.events * math.log(atom.multiplier)
        - events * math.log((atom.multiplier * null_ratio * candidate.trials + stable.trials) / base)
        for atom in atoms
    )
