"""Newcombe's interval: the numbers of his paper, and what must hold of any two shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from trimtab.stats.difference import difference, enough, wilson
from trimtab.stats.proportions import Occurrences


@pytest.mark.parametrize(
    ("second", "first", "low", "high"),
    [
        # Newcombe 1998, table II, method 10; differences are p1 - p2 of the paper.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_numbers_of_the_paper(
    second: tuple[int, int], first: tuple[int, int], low: float, high: float
) -> None:
    found = difference(Occurrences(*first), Occurrences(*second))
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@st.composite
def seen(draw: st.DrawFn) -> Occurrences:
    total = draw(st.integers(1, 10_000))
    return Occurrences(draw(st.integers(0, total)), total)


@given(seen(), seen())
def test_it_holds_the_difference_stays_in_range_and_turns_with_the_sides(
    first: Occurrences, second: Occurrences
) -> None:
    there, back = difference(first, second), difference(second, first)
    assert -1 - 1e-12 <= there.low <= there.value <= there.high <= 1 + 1e-12
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_wilson_of_a_textbook() -> None:
    # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I: 81 of 263.
    low, high = wilson(Occurrences(81, 263), 1.959964)
    assert (low, high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))


SHARES = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 0.5]


def wrong(first: int, second: int, share: float, *, whatever: bool) -> float:
    """Exact probability that the interval of two equal shares lies above 0, if it is looked at."""
    a, b = (counts(n, share) for n in (first, second))
    return sum(
        p * q
        for i, p in a
        for j, q in b
        if j * first > i * second
        and (whatever or enough(Occurrences(i, first), Occurrences(j, second)))
        and difference(Occurrences(i, first), Occurrences(j, second)).low > 0
    )


def counts(n: int, share: float) -> list[tuple[int, float]]:
    """All counts that are not as good as impossible, with their probability."""
    found = zip(range(n + 1), binom.pmf(range(n + 1), n, share), strict=True)
    return [(k, float(p)) for k, p in found if p > 1e-6]


def test_of_equal_shares_it_errs_as_it_says_but_for_few_events() -> None:
    sizes = [(20, 20), (1000, 20), (20, 1000), (50, 50), (300, 50), (300, 300)]
    errors = {
        (first, second, share): wrong(first, second, share, whatever=False)
        for first, second in sizes
        for share in SHARES
    }
    assert max(errors.values()) <= 0.034, max(errors, key=lambda key: errors[key])
    assert wrong(1000, 20, 0.005, whatever=True) == pytest.approx(0.089, abs=0.001), "why `enough` is asked"


def test_an_empty_side_is_never_enough() -> None:
    assert not enough(Occurrences(0, 0), Occurrences(500, 1000))
    assert not enough(Occurrences(500, 1000), Occurrences(0, 0))
    assert enough(Occurrences(500, 1000), Occurrences(5, 10))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_what_has_no_interval(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        difference(Occurrences(1, 2), Occurrences(1, 2), level=level)
    with pytest.raises(ValueError, match="no share"):
        difference(Occurrences(0, 0), Occurrences(1, 2))
