"""Merging of score buckets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats.grouping import MAX_GROUPS, BucketGroups, common_groups, quantile_groups

PROPERTY = settings(max_examples=20, deadline=None)

counts = st.lists(st.integers(0, 1_000), min_size=1, max_size=60).filter(any)


def test_fifty_equal_buckets_become_deciles() -> None:
    assert quantile_groups([10] * 50).starts == tuple(range(0, 50, 5))


def test_a_heavy_bucket_is_not_split() -> None:
    groups = quantile_groups([1, 1, 96, 1, 1])
    assert [int(c) for c in groups.merge([1, 1, 96, 1, 1])] == [2, 96, 2]


def test_the_number_of_buckets_must_fit() -> None:
    with pytest.raises(ValueError, match="3 buckets"):
        BucketGroups(starts=(0, 1), buckets=3).merge([1, 2])
    with pytest.raises(ValueError, match="reference with rows"):
        quantile_groups([0, 0])


@PROPERTY
@given(counts, st.data())
def test_groups_keep_every_row_and_are_never_empty(reference: list[int], data: st.DataObject) -> None:
    groups = quantile_groups(reference)
    current = data.draw(st.lists(st.integers(0, 9), min_size=len(reference), max_size=len(reference)))
    assert 1 <= len(groups.starts) <= MAX_GROUPS
    assert list(groups.starts) == sorted(set(groups.starts))
    assert min(groups.merge(reference)) > 0
    assert sum(groups.merge(current)) == sum(current)


@PROPERTY
@given(counts, st.data())
def test_merging_is_additive(reference: list[int], data: st.DataObject) -> None:
    groups = quantile_groups(reference)
    size = len(reference)
    left, right = (
        np.array(data.draw(st.lists(st.integers(0, 99), min_size=size, max_size=size))) for _ in range(2)
    )
    sums = [a + b for a, b in zip(groups.merge(left), groups.merge(right), strict=True)]
    assert sums == groups.merge(left + right)


EDGE_SETS = st.sets(st.integers(1, 99), max_size=20).map(lambda edges: sorted(e / 100 for e in edges))


@PROPERTY
@given(EDGE_SETS, EDGE_SETS, st.lists(st.floats(0, 1), max_size=30))
def test_the_same_rows_over_other_edges_are_the_same_groups(
    left: list[float], right: list[float], rows: list[float]
) -> None:
    merged = [
        groups.merge(np.bincount(np.searchsorted(edges, rows, side="left"), minlength=len(edges) + 1))
        for groups, edges in zip(common_groups(left, right), (left, right), strict=True)
    ]
    assert merged[0] == merged[1]
    assert len(merged[0]) == len(set(left) & set(right)) + 1


def test_edges_must_ascend() -> None:
    with pytest.raises(ValueError, match="ascend"):
        common_groups([0.5, 0.5], [0.5])
