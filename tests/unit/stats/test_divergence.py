"""Distances of buckets: published values, what encloses the raw rows, scipy's definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trimtab.stats.divergence import (
    energy,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    l_infinity,
    wasserstein,
)

TENTHS = scipy.stats.norm.ppf(np.linspace(0, 1, 11))
ROWS = 10**9


def deciles(shift: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """N(0, 1) and N(shift, 1) in the deciles of the first."""
    shares = (np.diff(scipy.stats.norm.cdf(TENTHS)), np.diff(scipy.stats.norm.cdf(TENTHS - shift)))
    reference, current = (np.round(share * ROWS) for share in shares)
    return reference, current


@pytest.mark.parametrize(
    ("shift", "expected"), [(0.1, 0.039828), (0.25, 0.098706), (0.5, 0.197412), (1.0, 0.382820)]
)
def test_kolmogorov_smirnov_of_normal_deciles(shift: float, expected: float) -> None:
    found = kolmogorov_smirnov(*deciles(shift))
    assert found.value == pytest.approx(expected, abs=5e-7)
    exact = 2 * scipy.stats.norm.cdf(shift / 2) - 1
    assert found.low <= exact <= found.high


def test_hellinger_and_jensen_shannon_of_normal_deciles() -> None:
    found = hellinger(*deciles(1.0))
    assert found.value == pytest.approx(0.332657, abs=5e-7)
    assert found.low <= math.sqrt(1 - math.exp(-1 / 8)) <= found.high
    assert jensen_shannon(*deciles(1.0)).value == pytest.approx(0.391436, abs=5e-7)


def test_what_has_nothing_in_common_is_at_one() -> None:
    for distance in (jensen_shannon, hellinger, l_infinity):
        found = distance([1, 0, 0], [0, 1, 0], exact=True)
        assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_wasserstein_of_scipys_docstring() -> None:
    """[0, 1, 3] and [5, 6, 8]: 5; buckets so narrow that their spread is below the tolerance."""
    values, width = [0, 1, 3, 5, 6, 8], 1e-7
    bounds = sorted(end for value in values for end in (value, value + width))
    reference = [value in (0, 1, 3) and place % 2 == 0 for value in values for place in (0, 1)][:-1]
    current = [value in (5, 6, 8) and place % 2 == 0 for value in values for place in (0, 1)][:-1]
    found = wasserstein(bounds, [int(one) for one in reference], [int(one) for one in current])
    assert found.value == pytest.approx(5.0, abs=1e-6)
    assert found.low == pytest.approx(found.high, abs=1e-6)


@given(
    seed=st.integers(0, 10_000),
    shift=st.floats(-2, 2),
    stretch=st.floats(0.3, 3),
    buckets=st.integers(1, 20),
)
def test_the_raw_rows_lie_between(seed: int, shift: float, stretch: float, buckets: int) -> None:
    """Whatever the rows and the edges are."""
    draw = np.random.default_rng(seed)
    before, after = draw.normal(size=300), draw.normal(shift, stretch, size=200)
    both = np.concatenate([before, after])
    inner = np.unique(np.quantile(before, np.linspace(0, 1, buckets + 1)[1:-1]))
    bounds = [both.min() - 0.1, *inner, both.max() + 0.1]
    counts = [np.histogram(side, bounds)[0] for side in (before, after)]
    # numpy's buckets hold their left end, ours their right one: neither has a row at an inner edge twice.
    for found, raw in (
        (kolmogorov_smirnov(*counts), scipy.stats.ks_2samp(before, after).statistic),
        (wasserstein(bounds, *counts), scipy.stats.wasserstein_distance(before, after)),
        (energy(bounds, *counts), scipy.stats.energy_distance(before, after)),
    ):
        slack = 2 * buckets / 300 if found.unit == "" else 1e-9
        assert found.low - slack <= raw <= found.high + slack
        assert found.low <= found.value <= found.high + 1e-12


COUNTS = st.lists(st.integers(0, 500), min_size=4, max_size=4).filter(any)


@given(reference=COUNTS, current=COUNTS)
def test_they_are_distances(reference: list[int], current: list[int]) -> None:
    bounds = [0.0, 1.0, 2.5, 3.0, 7.0]
    for distance in (jensen_shannon, hellinger, l_infinity, kolmogorov_smirnov):
        found, back = distance(reference, current), distance(current, reference)
        assert 0 <= found.value <= 1
        assert found.value == pytest.approx(back.value, abs=1e-12)
        assert distance(reference, reference).value == pytest.approx(0, abs=1e-7)
    for of_bounds in (wasserstein, energy):
        found = of_bounds(bounds, reference, current)
        assert 0 <= found.low <= found.value + 1e-12 <= found.high + 1e-9
        assert found.value == pytest.approx(of_bounds(bounds, current, reference).value, abs=1e-9)


@given(reference=COUNTS, current=COUNTS)
def test_jensen_shannon_is_scipys(reference: list[int], current: list[int]) -> None:
    p, q = (np.array(side) / sum(side) for side in (reference, current))
    expected = scipy.spatial.distance.jensenshannon(p, q, 2)
    assert jensen_shannon(reference, current).value == pytest.approx(expected, abs=1e-7)


def test_rows_outside_of_all_edges_leave_the_distance_open() -> None:
    bounds = [-math.inf, 0.0, 1.0, math.inf]
    assert math.isinf(wasserstein(bounds, [0, 10, 0], [0, 9, 1]).high)
    assert math.isfinite(wasserstein(bounds, [0, 10, 0], [0, 10, 0]).high)


def test_malformed_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="2 buckets need 3 ascending bounds"):
        wasserstein([0.0, 2.0, 1.0], [1, 2], [2, 1])
