"""Population stability index: how far a distribution over buckets moved, and how much of that is noise."""

from dataclasses import dataclass

import numpy as np

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
    p, q = as_table(reference, current)
    n, m = p.sum(), q.sum()
    used = (p > 0) | (q > 0)
    p, q = p[used], q[used]
    added = _pseudo_count(bool(p.all() and q.all()), pseudo_count)
    if added:
        p, q = p + added, q + added
    p, q = p / p.sum(), q / q.sum()
    value = float(((q - p) * np.log(q / p)).sum())
    return Psi(
        value=value,
        adjusted=value - float((p.size - 1) * (1 / n + 1 / m)),
        buckets=p.size,
        reference_samples=int(n),
        current_samples=int(m),
        smoothed=added > 0,
    )


def _pseudo_count(all_cells_filled: bool, requested: float | None) -> float:
    if requested is None:
        return 0.0 if all_cells_filled else PSEUDO_COUNT
    if requested < 0 or (requested == 0 and not all_cells_filled):
        raise ValueError("pseudo_count must be positive where a cell is zero, and never negative")
    return requested
