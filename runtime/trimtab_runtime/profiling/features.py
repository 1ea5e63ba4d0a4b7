"""Buckets of one feature from its reference values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract.buckets import Value, category_of
from trimtab_runtime.contract.profile import (
    MAX_BUCKETS,
    MAX_NAMED_VALUES,
    MIN_NAMED_ROWS,
    OTHER,
    CategoricalFeature,
    Feature,
    NumericFeature,
)

MAX_DISTINCT_CATEGORICAL = 20  # numbers of so few values are counted by value

Floats = npt.NDArray[np.float64]


def profile_feature(values: Sequence[Value], *, is_number: bool) -> Feature:
    """Buckets and counts of a feature; None and NaN are missing.

    Numbers with more than 20 distinct values get intervals, everything else is counted by value.
    """
    if not is_number:
        return _categorical(values)
    numbers = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    known = numbers[~np.isnan(numbers)]
    distinct, counts = np.unique(known, return_counts=True)
    if len(distinct) <= MAX_DISTINCT_CATEGORICAL:
        return _categorical([None if math.isnan(value) else value for value in numbers.tolist()])
    edges = numeric_edges(distinct, counts)
    return NumericFeature(
        minimum=float(distinct[0]),
        maximum=float(distinct[-1]),
        edges=edges,
        counts=tuple(
            np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1).tolist()
        ),
        missing=len(numbers) - len(known),
    )


def _categorical(values: Sequence[Value]) -> CategoricalFeature:
    """Named are the most frequent values of at least 10 rows, at most 19; ties go by name."""
    counts = Counter(category_of(value) for value in values if value is not None)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    named = [(value, count) for value, count in ranked if count >= MIN_NAMED_ROWS and value != OTHER]
    named = named[:MAX_NAMED_VALUES]
    known = counts.total()
    return CategoricalFeature(
        values=(*(value for value, _ in named), OTHER),
        counts=(*(count for _, count in named), known - sum(count for _, count in named)),
        missing=len(values) - known,
    )


@dataclass(frozen=True)
class _Run:
    """Neighbouring distinct values: one atom, or all values between two atoms."""

    is_atom: bool
    values: Floats
    counts: npt.NDArray[np.int64]

    @property
    def mass(self) -> int:
        return int(self.counts.sum())


def numeric_edges(
    distinct: Floats, counts: npt.NDArray[np.int64], buckets: int = MAX_BUCKETS
) -> tuple[float, ...]:
    """Interior edges of at most `buckets` intervals (a, b], each with reference rows.

    Values with at least 1/`buckets` of the rows (atoms) have a bucket of their own; quantiles split what lies
    between, in proportion to its rows. Where atoms leave no room for what lies between them, the smallest
    give up theirs.
    """
    runs = _runs(distinct, counts, buckets)
    spans = [run for run in runs if not run.is_atom]
    spare = buckets - len(runs)
    total = sum(run.mass for run in spans)
    shares = _largest_remainder([run.mass for run in spans], spare) if total else []
    room = iter(shares)
    edges: list[float] = []
    for index, run in enumerate(runs):
        if not run.is_atom:
            edges.extend(_quantile_edges(run, 1 + next(room)))
        if index + 1 < len(runs):
            following = runs[index + 1]
            # An atom's bucket starts right below it, so that no other value can fall into it.
            edges.append(float(run.values[0] if run.is_atom else np.nextafter(following.values[0], -np.inf)))
    return tuple(edges)


def _runs(distinct: Floats, counts: npt.NDArray[np.int64], buckets: int) -> list[_Run]:
    atoms = counts * buckets >= counts.sum()
    while True:
        borders = np.flatnonzero(atoms[1:] | atoms[:-1]) + 1
        starts = [0, *borders.tolist()]
        ends = [*borders.tolist(), len(distinct)]
        if len(starts) <= buckets:
            return [
                _Run(bool(atoms[a]), distinct[a:b], counts[a:b]) for a, b in zip(starts, ends, strict=True)
            ]
        smallest = np.flatnonzero(atoms)[np.argmin(counts[atoms])]
        atoms[smallest] = False


def _largest_remainder(masses: Sequence[int], seats: int) -> list[int]:
    """Divide seats in proportion to masses (Hamilton's method; ties to the first)."""
    exact = [seats * mass / sum(masses) for mass in masses]
    given = [int(share) for share in exact]
    order = sorted(range(len(masses)), key=lambda i: (given[i] - exact[i], i))
    for index in order[: seats - sum(given)]:
        given[index] += 1
    return given


def _quantile_edges(run: _Run, buckets: int) -> list[float]:
    """Interior edges at the j/buckets quantiles of a run: its own values, without its last."""
    cumulative = np.cumsum(run.counts)
    targets = [run.mass * j / buckets for j in range(1, buckets)]
    places = sorted(set(np.searchsorted(cumulative, targets, side="left").tolist()))
    return [float(run.values[place]) for place in places if place < len(run.values) - 1]
