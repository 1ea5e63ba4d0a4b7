"""Population stability index: how far a distribution over buckets moved, and how much of that is noise."""

import math
from dataclasses import dataclass

from trimtab.stats.counts import Counts, as_table

PSEUDO_COUNT = 0.5


@dataclass(frozen=True, slots=True)
class Psi:
    """Result of `psi`. Unit: nats (natural logarithm); larger means further away; 0 means equal shares."""

    value: float
    adjusted: float  # value minus its mean under no drift; may be negative
    buckets: int  # cells with a row on either side
    reference_samples: int
    current_samples: int
    smoothed: bool  # PSEUDO_COUNT was added to each cell of both sides


def psi(reference: Counts, current: Counts, *, pseudo_count: float | None = None) -> Psi:
    """PSI = sum (q - p) ln(q / p) over buckets, p and q the shares of the reference and current rows.

    `adjusted` subtracts (B - 1)(1/n + 1/m), the mean of PSI under no drift, where PSI is distributed as
    about (1/n + 1/m) chi2(B - 1) (Yurdakul, Statistical Properties of Population Stability Index, 2018).

    Cells without a row on either side are no buckets. `pseudo_count` None adds 0.5 (Jeffreys) to every
    cell of both sides only where a cell is zero on one side; a number is added always.
    Invariant under a permutation of the buckets; `value` is symmetric in its arguments.

    Raises ValueError for malformed counts, different lengths or an empty side.
    """
    rows = as_table(reference, current)
    n, m = sum(rows[0]), sum(rows[1])
    cells = [(p, q) for p, q in zip(*rows, strict=True) if p or q]
    added = _pseudo_count(all(p and q for p, q in cells), pseudo_count)
    value = _divergence(cells, n, m, added)
    return Psi(
        value=value,
        adjusted=value - (len(cells) - 1) * (1 / n + 1 / m),
        buckets=len(cells),
        reference_samples=int(n),
        current_samples=int(m),
        smoothed=added > 0,
    )


def _divergence(cells: list[tuple[float, float]], n: float, m: float, added: float) -> float:
    total = n + added * len(cells), m + added * len(cells)
    shares = (((p + added) / total[0], (q + added) / total[1]) for p, q in cells)
    return sum((q - p) * math.log(q / p) for p, q in shares)


def _pseudo_count(all_cells_filled: bool, requested: float | None) -> float:
    if requested is None:
        return 0.0 if all_cells_filled else PSEUDO_COUNT
    if requested < 0 or (requested == 0 and not all_cells_filled):
        raise ValueError("pseudo_count must be positive where a cell is zero, and never negative")
    return requested
