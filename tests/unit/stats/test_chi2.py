"""The two-sample chi-square: against scipy, against published p-values, and under no drift."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from trimtab.stats.chi2 import MIN_EXPECTED, chi_square

PROPERTY = settings(max_examples=20, deadline=None)


def test_documented_example_of_scipy() -> None:
    result = chi_square([10, 10, 20], [20, 20, 20])
    assert (result.statistic, result.df) == (pytest.approx(2.7778, abs=5e-5), 2)
    assert result.p == pytest.approx(0.24935, abs=5e-6)


def test_both_sides_are_samples() -> None:
    """A one-sample test, the reference taken as exact, says 0.67309 here."""
    result = chi_square([16, 18, 16, 14, 12, 12], [16, 16, 16, 16, 16, 8])
    assert result.p == pytest.approx(0.898526, abs=5e-7)


def test_rare_buckets_are_pooled() -> None:
    result = chi_square([100, 100, 2, 3], [100, 100, 4, 1])
    pooled = chi_square([100, 100, 5], [100, 100, 5])
    assert (result.pooled, result.df, result.p) == (2, 2, pooled.p)


def test_a_lone_rare_bucket_joins_the_next_rarest() -> None:
    result = chi_square([100, 50, 1], [100, 50, 1])
    assert (result.pooled, result.df) == (2, 1)


def test_rare_buckets_fill_as_many_cells_as_they_can() -> None:
    """Forty rows over ten deciles: four expected in each, so neighbours share a cell."""
    result = chi_square([1_000] * 10, [4] * 10)
    assert (result.pooled, result.df) == (10, 4)


def test_nothing_testable_is_not_a_p_of_one() -> None:
    assert chi_square([1000, 0], [50, 0]).p is None
    assert chi_square([10_000, 10], [100, 1]).p is None


@pytest.mark.parametrize(
    ("shares", "rows"),
    [
        (np.full(6, 1 / 6), 900),
        (np.full(20, 0.05), 900),
        (np.full(20, 0.05), 60),  # every bucket is rare
        (0.8 ** np.arange(30) / (0.8 ** np.arange(30)).sum(), 200),  # a long tail
    ],
)
def test_false_positives_stay_near_nominal(shares: np.ndarray, rows: int) -> None:
    generator = np.random.default_rng(11)
    references = generator.multinomial(900, shares, size=1_000)
    currents = generator.multinomial(rows, shares, size=1_000)
    p = [chi_square(a, b).p for a, b in zip(references, currents, strict=True)]
    assert 0.03 < np.mean([value is not None and value < 0.05 for value in p]) < 0.07


tables = hnp.arrays(
    np.int64, st.tuples(st.just(2), st.integers(1, 24)), elements=st.integers(0, 5_000)
).filter(lambda table: bool(table.any(axis=1).all()))


@PROPERTY
@given(tables)
def test_expected_counts_after_pooling_reach_five(table: np.ndarray) -> None:
    result = chi_square(table[0], table[1])
    assert (result.p is None) == (result.df == 0)
    assert result.p is None or 0 <= result.p <= 1
    assert result.df < max(2, int(table.any(axis=0).sum()))


@PROPERTY
@given(tables)
def test_equals_scipy_where_nothing_is_pooled(table: np.ndarray) -> None:
    table = table[:, table.any(axis=0)]
    if table.shape[1] < 2 or stats.contingency.expected_freq(table).min() < MIN_EXPECTED:
        table = table + 5
    if table.shape[1] < 2 or stats.contingency.expected_freq(table).min() < MIN_EXPECTED:
        return
    expected = stats.chi2_contingency(table, correction=False)
    result = chi_square(table[0], table[1])
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-300)


@PROPERTY
@given(tables, st.randoms(use_true_random=False))
def test_order_of_buckets_matters_only_to_pooling(table: np.ndarray, random: object) -> None:
    order = np.argsort([random.random() for _ in range(table.shape[1])])  # type: ignore[attr-defined]
    straight, shuffled = chi_square(*table), chi_square(*table[:, order])
    assert (straight.pooled == 0) == (shuffled.pooled == 0)
    if not straight.pooled:
        assert shuffled.statistic == pytest.approx(straight.statistic, rel=1e-9, abs=1e-9)
