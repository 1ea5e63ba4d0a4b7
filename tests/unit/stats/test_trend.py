"""The rank test of buckets against scipy's of their rows."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from trimtab.stats.trend import trend_p

COUNTS = st.lists(st.integers(0, 60), min_size=5, max_size=5).filter(any)


@given(reference=COUNTS, current=COUNTS)
def test_it_is_mann_and_whitneys(reference: list[int], current: list[int]) -> None:
    rows = [np.repeat(np.arange(5), side) for side in (reference, current)]
    found = trend_p(reference, current)
    if len(np.unique(np.concatenate(rows))) == 1:
        assert found is None
        return
    expected = scipy.stats.mannwhitneyu(*rows, method="asymptotic", use_continuity=False)
    assert found == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-300)


def test_it_sees_a_shift_and_not_a_spread() -> None:
    """What moves to both sides has no direction: that is for chi-square."""
    even = [100] * 10
    assert (trend_p(even, [10 * place for place in range(5, 15)]) or 1) < 1e-6
    assert (trend_p(even, [190, 10, 100, 100, 100, 100, 100, 100, 10, 190]) or 0) > 0.99


def test_false_alarms_are_those_of_its_level() -> None:
    draw = np.random.default_rng(3)
    shares = [0.4, 0.3, 0.1, 0.1, 0.05, 0.05]
    hits = sum(
        (trend_p(draw.multinomial(2000, shares).tolist(), draw.multinomial(300, shares).tolist()) or 1) < 0.05
        for _ in range(4000)
    )
    assert 0.04 < hits / 4000 < 0.06


def test_sides_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="reference has 2 buckets, current has 3"):
        trend_p([1, 2], [1, 2, 3])
