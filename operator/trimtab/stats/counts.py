"""Counts as they enter every test: one vector of whole, non-negative numbers per side.

Plain lists of floats, not arrays: a table has some twenty cells, and there an array costs more than it saves.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = Sequence[int] | Sequence[float] | NDArray[np.integer] | NDArray[np.floating]


def as_counts(counts: Counts) -> list[float]:
    """The counts as floats (exact below 2**53).

    Raises ValueError for anything but one dimension of whole, finite, non-negative numbers: a negative or
    fractional count is a broken source and must not become a statistic.
    """
    values = counts.tolist() if isinstance(counts, np.ndarray) else counts
    try:
        vector = [float(value) for value in values]
    except TypeError:
        raise ValueError("counts must be one vector of numbers") from None
    if not all(map(float.is_integer, vector)) or min(vector, default=0.0) < 0:
        raise ValueError("counts must be whole, finite and non-negative")
    return vector


def as_table(reference: Counts, current: Counts) -> tuple[list[float], list[float]]:
    """Both rows of a 2 x B table, in the same bucket order.

    Raises ValueError if the rows differ in length or if either row is empty: what an empty row means
    (no traffic, no reference) is for the caller to say, no statistic is defined on it.
    """
    rows = as_counts(reference), as_counts(current)
    if len(rows[0]) != len(rows[1]):
        raise ValueError(f"reference has {len(rows[0])} buckets, current has {len(rows[1])}")
    if not (any(rows[0]) and any(rows[1])):
        raise ValueError("a side without any rows cannot be compared")
    return rows
