"""Merging adjacent score buckets: to few groups of equal weight, or to the edges two versions share."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from trimtab.stats.counts import Counts, as_counts

MAX_GROUPS = 10


@dataclass(frozen=True, slots=True)
class BucketGroups:
    """Adjacent buckets that count as one: group i is buckets starts[i] .. starts[i + 1] - 1."""

    starts: tuple[int, ...]
    buckets: int

    def merge(self, counts: Counts) -> list[float]:
        """Counts per group. Raises ValueError if the number of buckets is not the one grouped."""
        vector = as_counts(counts)
        if len(vector) != self.buckets:
            raise ValueError(f"grouping is over {self.buckets} buckets, got {len(vector)}")
        ends = (*self.starts[1:], self.buckets)
        return [sum(vector[start:end]) for start, end in zip(self.starts, ends, strict=True)]


def quantile_groups(reference: Counts, max_groups: int = MAX_GROUPS) -> BucketGroups:
    """At most `max_groups` groups cut where the reference's cumulative share is nearest to k / max_groups.

    Fifty score buckets keep the decision threshold sharp, but as a drift test most would be near empty.
    Every group holds at least one reference row; buckets are never split; the result depends on the
    reference alone, so windows stay comparable.

    Raises ValueError for malformed counts, an empty reference or max_groups < 1.
    """
    vector = np.asarray(as_counts(reference))
    if max_groups < 1 or not vector.any():
        raise ValueError("need a reference with rows and max_groups >= 1")
    cumulative, first = np.unique(np.cumsum(vector), return_index=True)
    inner = (cumulative > 0) & (cumulative < vector.sum())
    cuts, first = cumulative[inner], first[inner]
    if cuts.size == 0 or max_groups == 1:
        return BucketGroups(starts=(0,), buckets=vector.size)
    targets = vector.sum() * np.arange(1, max_groups) / max_groups
    nearest = np.abs(cuts[:, None] - targets[None, :]).argmin(axis=0)
    starts = first[np.unique(nearest)] + 1
    return BucketGroups(starts=(0, *(int(start) for start in starts)), buckets=vector.size)


def common_groups(left: Sequence[float], right: Sequence[float]) -> tuple[BucketGroups, BucketGroups]:
    """Groupings that make counts over two different sets of interior edges comparable.

    Both merge to the intervals between the edges that the two have in common, which is exact: no bucket is
    split. Without a common edge everything is one group. Raises ValueError unless edges ascend strictly.
    """
    common = set(left) & set(right)
    return _merge_to(left, common), _merge_to(right, common)


def _merge_to(edges: Sequence[float], common: set[float]) -> BucketGroups:
    if any(a >= b for a, b in pairwise(edges)):
        raise ValueError("edges must ascend strictly")
    starts = (index + 1 for index, edge in enumerate(edges) if edge in common)
    return BucketGroups(starts=(0, *starts), buckets=len(edges) + 1)
