"""PSI against published and hand-computed values, and its invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

from trimtab.stats.psi import psi

PROPERTY = settings(max_examples=20, deadline=None)

_EXACT = 10**12  # counts of this total carry proportions to 1e-12


def deciles_of_shifted_normal(shift: float) -> list[int]:
    edges = special.ndtri(np.arange(1, 10) / 10)
    cumulative = np.concatenate(([0.0], special.ndtr(edges - shift), [1.0]))
    return [round(share * _EXACT) for share in np.diff(cumulative)]


@pytest.mark.parametrize(
    ("shift", "expected"), [(0.1, 0.009587), (0.25, 0.059816), (0.5, 0.237749), (1.0, 0.926142)]
)
def test_shifted_normal_over_deciles(shift: float, expected: float) -> None:
    result = psi([_EXACT // 10] * 10, deciles_of_shifted_normal(shift))
    assert result.value == pytest.approx(expected, abs=5e-7)


def test_two_halves_to_sixty_forty() -> None:
    assert psi([50, 50], [60, 40]).value == pytest.approx(0.0405465, abs=5e-8)


def test_pseudo_count_on_request() -> None:
    assert psi([50, 50], [60, 40], pseudo_count=0.5).value == pytest.approx(0.039737, abs=5e-7)


def test_a_zero_cell_smooths_every_cell_of_both_sides() -> None:
    result = psi([10, 0], [8, 2])
    assert result.smoothed
    assert result.value == pytest.approx(psi([10, 0], [8, 2], pseudo_count=0.5).value)
    p, q = np.array([10.5, 0.5]) / 11, np.array([8.5, 2.5]) / 11
    assert result.value == pytest.approx(float(((q - p) * np.log(q / p)).sum()))


def test_adjusted_subtracts_the_mean_under_no_drift() -> None:
    result = psi([100, 200, 300], [30, 20, 10])
    assert result.value - result.adjusted == pytest.approx(2 * (1 / 600 + 1 / 60))


def test_mean_under_no_drift_is_removed() -> None:
    generator = np.random.default_rng(7)
    shares = np.full(10, 0.1)
    references = generator.multinomial(10_000, shares, size=2_000)
    currents = generator.multinomial(1_000, shares, size=2_000)
    adjusted = [psi(a, b).adjusted for a, b in zip(references, currents, strict=True)]
    standard_error = float(np.std(adjusted)) / len(adjusted) ** 0.5
    # The chi-square approximation is first order in 1/m: half a per mille of PSI is its next term.
    assert abs(float(np.mean(adjusted))) < 4 * standard_error + 5e-4


@pytest.mark.parametrize(
    ("reference", "current", "words"),
    [
        ([1, 2], [1, 2, 3], "buckets"),
        ([1, 2], [0, 0], "without any rows"),
        ([1, -2], [1, 2], "non-negative"),
        ([1, 0.5], [1, 2], "whole"),
        ([1, float("nan")], [1, 2], "finite"),
        ([[1], [2]], [[1], [2]], "one vector"),
    ],
)
def test_broken_counts_are_refused(reference: list[int], current: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        psi(reference, current)


def test_pseudo_count_zero_is_refused_where_a_cell_is_zero() -> None:
    with pytest.raises(ValueError, match="pseudo_count"):
        psi([1, 0], [1, 1], pseudo_count=0.0)


tables = hnp.arrays(
    np.int64, st.tuples(st.just(2), st.integers(1, 24)), elements=st.integers(0, 100_000)
).filter(lambda table: bool(table.any(axis=1).all()))


@PROPERTY
@given(tables)
def test_never_negative_and_zero_only_for_equal_shares(table: np.ndarray) -> None:
    result = psi(table[0], table[1])
    assert result.value >= -1e-12
    assert psi(table[0], table[0]).value == 0


@PROPERTY
@given(tables, st.randoms(use_true_random=False))
def test_order_of_buckets_and_empty_buckets_do_not_matter(table: np.ndarray, random: object) -> None:
    order = np.argsort([random.random() for _ in range(table.shape[1])])  # type: ignore[attr-defined]
    padded = np.concatenate((table[:, order], np.zeros((2, 2), dtype=np.int64)), axis=1)
    assert psi(padded[0], padded[1]).value == pytest.approx(psi(table[0], table[1]).value, abs=1e-9)
    assert psi(padded[0], padded[1]).buckets == psi(table[0], table[1]).buckets


@PROPERTY
@given(tables)
def test_symmetric(table: np.ndarray) -> None:
    assert psi(table[0], table[1]).value == pytest.approx(psi(table[1], table[0]).value, abs=1e-9)


@PROPERTY
@given(st.integers(0, 400), st.integers(1, 100))
def test_moving_further_is_a_larger_psi(moved: int, step: int) -> None:
    nearer = psi([500, 500], [500 + moved, 500 - moved])
    further = psi([500, 500], [500 + moved + step, 500 - moved - step])
    assert further.smoothed or further.value > nearer.value
