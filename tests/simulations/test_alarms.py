"""The promises of a drift monitor's alarms, kept by simulation; the page has those of many more windows."""

from __future__ import annotations

import pytest
from tests.simulations.alarms import Draw, correlated, independent, simulate

from trimtab.stats.features import DriftLimits

SEED = 20


@pytest.mark.parametrize("draw", [independent(), correlated(0.5)], ids=["independent", "correlated"])
def test_nothing_is_raised_when_nothing_drifts(draw: Draw) -> None:
    found = simulate(draw, references=10, windows=150, rows=1_000, limits=DriftLimits(), seed=SEED)
    assert found.drifted_share < 1e-2
    assert found.raised.sum() == 0


def test_windows_that_are_too_small_do_not_collect_chance_findings() -> None:
    """400 of the 1,000 rows that Healthy needs: a window in 150 has a finding, no two of them close together.
    When such windows were passed over, 6 of 10 monitors had been raised after 1,500 windows."""
    found = simulate(independent(), references=4, windows=1_000, rows=400, limits=DriftLimits(), seed=SEED)
    assert found.drifted.sum() > 0
    assert found.raised.sum() == 0


@pytest.mark.parametrize(("rows", "at_least"), [(1_000, 0.85), (1_400, 0.95)])
def test_a_small_shift_is_seen(rows: int, at_least: float) -> None:
    """0.15 standard deviations in 5 of 50 features, in one window."""
    limits = DriftLimits(floor=0.02)
    found = simulate(independent(0.15), references=60, windows=10, rows=rows, limits=limits, seed=SEED)
    assert found.drifted_lower >= at_least
