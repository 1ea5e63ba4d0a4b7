"""Counts as they enter every test: one vector of whole, non-negative numbers per side."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MALFORMED = "counts must be one vector of whole, finite, non-negative numbers"

Counts = Sequence[int] | NDArray[np.integer] | NDArray[np.floating]
Vector = NDArray[np.float64]


def as_counts(counts: Counts) -> Vector:
    """The counts as a float vector (exact below 2**53).

    Raises ValueError for anything but one dimension of whole, finite, non-negative numbers: a negative or
    fractional count is a broken source and must not become a statistic.
    """
    vector = np.asarray(counts, dtype=np.float64)
    if vector.ndim != 1 or not (
        np.isfinite(vector).all() and (vector >= 0).all() and (vector % 1 == 0).all()
    ):
        raise ValueError(_MALFORMED)
    return vector


def as_table(reference: Counts, current: Counts) -> tuple[Vector, Vector]:
    """Both rows of a 2 x B table, in the same bucket order.

    Raises ValueError if the rows differ in length or if either row is empty: what an empty row means
    (no traffic, no reference) is for the caller to say, no statistic is defined on it.
    """
    rows = as_counts(reference), as_counts(current)
    if rows[0].shape != rows[1].shape:
        raise ValueError(f"reference has {rows[0].size} buckets, current has {rows[1].size}")
    if not (rows[0].any() and rows[1].any()):
        raise ValueError("a side without any rows cannot be compared")
    return rows
