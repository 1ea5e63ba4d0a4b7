"""`fetch trial`: what it leaves for training, and what it refuses."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.registry import LocalRegistry
from tests.runtime.commands import finish, run, run_here, start
from tests.runtime.world import Change, Row, World, rows

from trimtab_runtime.contract.config import FetchTrial
from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.trial import parse_trial_file
from trimtab_runtime.dataset.artifact import push_csv


def test_leaves_three_splits_and_never_the_evaluation_rows(world: World, tmp_path: Path) -> None:
    config = world.fetch_trial()
    ended = run("fetch", config, tmp_path / "pod")
    assert (ended.code, ended.text) == (0, ""), ended.log

    inputs = tmp_path / "pod/in"
    files = sorted(str(path.relative_to(inputs)) for path in inputs.rglob("*") if path.is_file())
    assert files == [
        "data.json",
        "data/reference/reference.csv",
        "data/train/train.csv",
        "data/validation/validation.csv",
        "params.json",
        "schema.json",
        "trial.json",
    ]
    assert parse_trial_file((inputs / "trial.json").read_bytes()) == config.trial
    assert json.loads((inputs / "params.json").read_text()) == {"leaves": "8"}
    assert (inputs / "data/train/train.csv").read_bytes() == world.path("train").read_bytes()
    evaluation_row = world.path("evaluation").read_text().splitlines()[1]
    assert not any(evaluation_row in path.read_text() for path in inputs.rglob("*") if path.is_file())


def test_may_run_twice_in_one_pod(world: World, tmp_path: Path) -> None:
    config = world.fetch_trial()
    assert run("fetch", config, tmp_path / "pod").code == 0
    assert run("fetch", config, tmp_path / "pod").code == 0


def _set(column: str, value: str, *at: int) -> Change:
    def change(made: list[Row]) -> None:
        for row in at or range(len(made)):
            made[row][column] = value

    return change


def _drop(column: str) -> Change:
    def change(made: list[Row]) -> None:
        for row in made:
            del row[column]

    return change


def _append(other: str) -> Change:
    return lambda made: made.extend(rows(other)[:3])


def _same_day(made: list[Row]) -> None:
    made[0]["day"] = rows("train")[0]["day"]


FAULTS: dict[str, tuple[str, Change, Reason, str, str]] = {
    "undeclared column": ("validation", _set("humid", "1"), Reason.DATA_INVALID, "humid", "does not declare"),
    "missing column": ("train", _drop("temp"), Reason.DATA_INVALID, "temp", "lacks"),
    "no label": ("train", _drop("late"), Reason.DATA_INVALID, "late", "lacks"),
    "type": ("train", _set("temp", "cold", 4, 9), Reason.DATA_INVALID, "temp", "2 values .*first in row 5"),
    "NaN": ("train", _set("temp", "nan", 4), Reason.DATA_INVALID, "temp", "1 value .* not finite"),
    "integer": ("train", _set("hour", "5.5", 0), Reason.DATA_INVALID, "hour", "not integers"),
    "null": ("reference", _set("hour", "", 7), Reason.DATA_INVALID, "hour", "missing.*not nullable"),
    "range": ("evaluation", _set("hour", "24", 1), Reason.DATA_INVALID, "hour", "outside the declared range"),
    "category": ("train", _set("carrier", "ZZ", 1), Reason.DATA_INVALID, "carrier", "categories"),
    "label value": ("train", _set("late", "2", 1), Reason.DATA_INVALID, "late", "only 0 and 1"),
    "one label": ("evaluation", _set("late", "0"), Reason.DATA_INVALID, "late", "one label"),
    "time": ("train", _set("time", "yesterday", 1), Reason.DATA_INVALID, "time", "ISO 8601"),
    "rows overlap": ("evaluation", _append("train"), Reason.SPLIT_OVERLAP, "train/evaluation", "3 distinct"),
    "rows overlap 2": ("reference", _append("validation"), Reason.SPLIT_OVERLAP, "validation/reference", "3"),
    "groups overlap": ("evaluation", _same_day, Reason.SPLIT_OVERLAP, "train/evaluation", "1 groups of day"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_data_is_named_and_not_retried(world: World, tmp_path: Path, fault: str) -> None:
    split, change, reason, field, message = FAULTS[fault]
    world.changes[split] = change
    ended = run_here("fetch", world.fetch_trial(), tmp_path / "pod")
    assert (ended.code, ended.failure.reason, ended.failure.field) == (42, reason, field), ended.log
    assert ended.failure.attempt == 1
    assert re.search(message, ended.failure.message), ended.failure.message
    assert "cold" not in ended.text and "ZZ" not in ended.text


def test_without_groups_evaluation_must_be_later_than_train(world: World, tmp_path: Path) -> None:
    columns = tuple(c for c in world.contract.columns)
    world.contract = replace(world.contract, group_column="", columns=columns)
    for split in ("train", "validation", "reference", "evaluation"):
        world.changes[split] = _drop("day")
    assert run("fetch", world.fetch_trial(), tmp_path / "good").code == 0

    def early(made: list[Row]) -> None:
        _drop("day")(made)
        made[0]["time"] = "2013-01-08T22:00:00Z"

    world.changes["evaluation"] = early
    ended = run("fetch", world.fetch_trial(), tmp_path / "pod")
    assert (ended.code, ended.failure.reason, ended.failure.field) == (42, Reason.TIME_LEAK, "time")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"carrier,hour,temp,late,time,day\n", "no rows"),
        (b"carrier,hour,hour\n", "repeats a column"),
        (b"carrier,hour,temp,late,time,day\nAA,1\n", "row 1 has 2 cells"),
        (b"carrier,hour,temp,late,time,day\n\xff\xfe\n", "not UTF-8"),
        (b'carrier,hour,temp,late,time,day\n"a"b,1,1,1,1,1\n', "not CSV"),
    ],
)
def test_files_that_are_no_tables(world: World, tmp_path: Path, content: bytes, message: str) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(content)
    config = world.fetch_trial()
    digest = push_csv(world.registry.client, config.data[0].repository, [bad])
    data = (replace(config.data[0], digest=digest), *config.data[1:])
    ended = run_here("fetch", replace(config, data=data), tmp_path / "pod")
    assert (ended.code, ended.failure.reason) == (42, Reason.DATA_INVALID)
    assert message in ended.failure.message


def test_a_digest_the_registry_lacks_is_data_invalid(world: World, tmp_path: Path) -> None:
    config = world.fetch_trial()
    gone = replace(config.data[1], digest="sha256:" + "0" * 64)
    ended = run("fetch", replace(config, data=(config.data[0], gone, *config.data[2:])), tmp_path / "pod")
    assert (ended.code, ended.failure.reason, ended.failure.field) == (42, Reason.DATA_INVALID, "validation")


def test_a_refused_password_is_named_at_once(world: World, tmp_path: Path) -> None:
    config = replace(world.fetch_trial(), registry=world.registry.wrong_password(), deadline_seconds=600)
    ended = run("fetch", config, tmp_path / "pod")
    assert (ended.code, ended.failure.reason) == (42, Reason.REGISTRY_UNAUTHORIZED)
    assert "not the password" not in ended.log + ended.text


def test_an_outage_is_waited_out_and_then_named(
    world: World, own_registry: LocalRegistry, tmp_path: Path
) -> None:
    world.registry = own_registry
    config: FetchTrial = replace(world.fetch_trial(), registry=own_registry.access)
    own_registry.stop()
    process = start("fetch", config, tmp_path / "pod")
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "RegistryUnavailable" in first and "trying again" in first
    own_registry.start()
    assert finish(process, tmp_path / "pod").code == 0

    own_registry.stop()
    ended = run("fetch", replace(config, deadline_seconds=1), tmp_path / "pod2")
    assert (ended.code, ended.failure.reason) == (1, Reason.REGISTRY_UNAVAILABLE)
    assert own_registry.host not in ended.text


def test_configuration_of_another_version_is_refused(world: World, tmp_path: Path) -> None:
    for text in ("", "{}", '{"contract":2}', '{"contract":1,"command":"dance"}'):
        ended = run("fetch", text, tmp_path / "pod")
        assert (ended.code, ended.failure.reason) == (42, Reason.CONFIG_INVALID)
    ended = run("predict", world.fetch_trial(), tmp_path / "pod")
    assert (ended.code, ended.failure.reason) == (42, Reason.CONFIG_INVALID)
