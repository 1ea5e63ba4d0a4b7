"""The story in small: a few windows of each kind. `python -m flights.story_check` prints all of it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flights.counting import Counted, windows
from flights.data import SPLITS, csv_bytes
from flights.living import WINDOW_ROWS, judge, look
from flights.source import COLUMNS, GROUP_COLUMN, LABEL, STEADY, TIME_COLUMN, Flight
from flights.story_check import World, gate
from trimtab_runtime.contract.data import parse_data_contract
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.dataset.validation import check_file

SAMPLE = Path(__file__).parents[3] / "examples/flights/experiment-winter.yaml"
FEW = 6


@pytest.fixture(scope="module")
def world(year: list[Flight]) -> World:
    return World(year, 0)


@pytest.fixture
def declared() -> dict[str, Any]:
    """The data contract of the sample."""
    contract: dict[str, Any] = deepcopy(yaml.safe_load(SAMPLE.read_text())["spec"]["dataContract"])
    return contract


def write(folder: Path, flights: list[Flight]) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(csv_bytes(flights))
    return path


def test_the_sample_declares_exactly_the_columns_of_the_files(
    world: World, declared: dict[str, Any], tmp_path: Path
) -> None:
    contract = parse_data_contract(declared)
    assert set(contract.column_names) == set(COLUMNS)
    assert (contract.label, contract.time_column, contract.group_column) == (LABEL, TIME_COLUMN, GROUP_COLUMN)
    for part in SPLITS:
        for made in (world.winter, world.july):
            check_file(write(tmp_path, made[part]), part, contract)


def test_a_declared_range_betrays_celsius(world: World, declared: dict[str, Any], tmp_path: Path) -> None:
    declared["columns"]["temp"]["range"] = {"min": "0", "max": "120"}
    contract = parse_data_contract(declared)
    for part in ("train", "reference"):
        for made in (world.winter, world.july):
            check_file(write(tmp_path, made[part]), part, contract)
        with pytest.raises(ContractError) as refused:
            check_file(write(tmp_path, world.celsius[part]), part, contract)
        assert refused.value.field == "temp"


@given(rows=st.integers(1, 50), size=st.integers(1, 60), seed=st.integers(0, 9))
def test_windows_use_every_row_before_they_use_one_again(rows: int, size: int, seed: int) -> None:
    drawn = np.concatenate(list(windows(rows, size=size, count=5, seed=seed)))
    assert len(drawn) == 5 * size
    for start in range(0, len(drawn), rows):
        part = drawn[start : start + rows]
        assert len(np.unique(part)) == len(part)


def test_winter_is_calm_and_july_is_not(world: World) -> None:
    seen = {}
    for season in ("winter", "july"):
        pool = world.traffic(season)
        drawn = windows(len(pool), size=WINDOW_ROWS, count=FEW, seed=2)
        seen[season] = judge(Counted(world.v1, pool), drawn)
    winter, july = seen["winter"], seen["july"]
    assert (winter.drifted, winter.degraded, winter.quality_broken) == (0, 0, 0)
    assert july.drifted == july.furthest_two["temp"] == july.furthest_two["dewp"] == FEW
    assert not any(july.flagged[name] for name in STEADY)
    assert july.degradation_raised >= FEW // 2


def test_celsius_passes_the_gate_and_fails_the_canary(world: World) -> None:
    compared = gate(world.v2, world.v1, world.celsius["evaluation"])
    assert compared["auc"].challenger >= 0.55
    assert compared["logLoss"].difference >= -0.01
    looks = look(world.v2, world.v1, world.traffic("winter"), count=FEW)
    assert looks.exactly == {("dewp", "temp"): FEW}
