"""Discrete mixtures of likelihood ratios, the building block of every e-process here."""

import math
from collections.abc import Iterable
from typing import NamedTuple


class Atom(NamedTuple):
    """One alternative: its multiplier of the tested limit, and its prior weight."""

    multiplier: float
    weight: float


Prior = tuple[Atom, ...]


def prior(*atoms: tuple[float, float]) -> Prior:
    """A prior from (multiplier, weight) pairs.

    Raises ValueError unless all multipliers are >= 0 and on one side of 1 and the weights sum to 1:
    an atom on the other side, or more weight, would void the error guarantee.
    """
    result = tuple(Atom(*atom) for atom in atoms)
    above = [atom.multiplier > 1 for atom in result]
    one_sided = all(above) or not any(above)
    if not one_sided or any(atom.multiplier < 0 or atom.weight <= 0 for atom in result):
        raise ValueError("multipliers must be >= 0 and all above 1 or all below, weights positive")
    if not math.isclose(sum(atom.weight for atom in result), 1.0, abs_tol=1e-9):
        raise ValueError("prior weights must sum to 1")
    return result


def log_mean(atoms: Prior, log_ratios: Iterable[float]) -> float:
    """ln sum_j weight_j exp(log_ratio_j), without overflow; -inf if every ratio is 0."""
    terms = [math.log(atom.weight) + log for atom, log in zip(atoms, log_ratios, strict=True)]
    largest = max(terms)
    if largest == -math.inf:
        return largest
    return largest + math.log(math.fsum(math.exp(term - largest) for term in terms))
