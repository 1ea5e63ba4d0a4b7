"""Newcombe's interval: the numbers of his paper, and what must hold of any two shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats.difference import difference, wilson
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


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_what_has_no_interval(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        difference(Occurrences(1, 2), Occurrences(1, 2), level=level)
    with pytest.raises(ValueError, match="no share"):
        difference(Occurrences(0, 0), Occurrences(1, 2))
