"""What a replay refuses: each refusal names the file, the column or the option, and the remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.replay.files import rows, write
from typer.testing import CliRunner

from trimtab.cli.app import app
from trimtab.replay.errors import CannotReplay
from trimtab.replay.roles import Roles
from trimtab.replay.run import Asked, replay

Columns = dict[str, list[Any]]
BIG = 1200
MONITOR = (
    "kind: DriftMonitor\napiVersion: trimtab.dev/v1alpha1\nmetadata: {name: a}\n"
    "spec:\n  deploymentRef: {name: a}\n  "
)


def asked(folder: Path, known: Columns, now: Columns, roles: Roles, **more: Any) -> Asked:
    reference, current = write(folder / "known.csv", known), write(folder / "now.csv", now)
    return Asked(reference, current, roles, **more)


def with_cell(name: str, place: int, value: Any) -> Callable[[Columns], Columns]:
    def changed(columns: Columns) -> Columns:
        cells = list(columns[name])
        cells[place] = value
        return {**columns, name: cells}

    return changed


def without(name: str) -> Callable[[Columns], Columns]:
    return lambda columns: {key: cells for key, cells in columns.items() if key != name}


def same(columns: Columns) -> Columns:
    return columns


ALL = Roles(score="p", label="late")
REFUSED = {
    "a score that is no probability": (
        *(same, with_cell("p", 4, 1.5), ALL),
        "now.csv: p of row 5 is 1.5, not a probability: --score names the probability of a positive",
    ),
    "a score that is missing": (*(with_cell("p", 0, None), same, ALL), "known.csv: p of row 1 is nan"),
    "a score of texts": (*(same, same, Roles(score="city")), "city (--score) does not hold numbers"),
    "a column that is not there": (*(same, same, Roles(score="q")), "known.csv has no column q (--score)"),
    "a feature that is not there": (
        *(same, without("y"), ALL),
        "now.csv has no column y, which the reference has: add it, or remove it there",
    ),
    "a reference row without a label": (
        *(with_cell("late", 2, None), same, ALL),
        "known.csv: late of row 3 is missing: give reference rows with labels, or leave --label out",
    ),
    "a column of another type": (
        *(same, with_cell("x", 0, "n/a?"), ALL),
        "now.csv: x holds texts, in the reference numbers: write the same type in both files",
    ),
    "three classes": (
        *(with_cell("late", 0, 2), same, ALL),
        "late has the values 0, 1, 2: name the one that means positive with --positive",
    ),
    "a positive class that is not there": (
        *(same, same, Roles(score="p", label="late", positive="yes")),
        "late has the values 0, 1: name the one that means positive",
    ),
    "predictions that no threshold gives": (
        *(lambda c: {**c, "said": [1, 0] * (BIG // 2)}, same, Roles(score="p", prediction="said")),
        "so no threshold gives said: leave --prediction out, which takes 0.5",
    ),
    "an infinite number": (
        *(same, with_cell("x", 1, "inf"), ALL),
        "column x, row 2 is infinite: leave the cell empty, or drop the row",
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_rows_that_cannot_be_judged(tmp_path: Path, case: str) -> None:
    change_known, change_now, roles, message = REFUSED[case]
    known, now = change_known(rows(1, BIG)), change_now(rows(2, BIG))
    with pytest.raises(CannotReplay) as refused:
        replay(asked(tmp_path, known, now, roles))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("more", "roles", "message"),
    [
        ({"chunk_size": 0}, ALL, "--chunk-size must be at least 1"),
        ({"chunk_size": 1, "every": "1d"}, ALL, "give --chunk-size or --every, not both"),
        ({"every": "1d"}, ALL, "--every needs --timestamp"),
        (
            {"every": "1 day"},
            Roles(timestamp="at"),
            "--every 1 day: write a whole number and s, m, h, d or w",
        ),
        (
            {"every": "1d"},
            Roles(timestamp="x"),
            "x does not hold times: write them like 2013-01-31T18:00:00Z",
        ),
        ({"every": "1s"}, Roles(timestamp="at"), "windows, more than 10000: raise --every"),
    ],
)
def test_windows_that_cannot_be(tmp_path: Path, more: dict[str, Any], roles: Roles, message: str) -> None:
    times = [f"2026-0{1 + place % 9}-01T00:00:00Z" for place in range(BIG)]
    columns = {**rows(1, BIG), "at": times}
    with pytest.raises(CannotReplay) as refused:
        replay(asked(tmp_path, columns, columns, roles, **more))
    assert message in str(refused.value)


def test_roles_that_exclude_each_other() -> None:
    with pytest.raises(CannotReplay, match="--label needs --score"):
        Roles(label="late")
    with pytest.raises(CannotReplay, match="must name different columns"):
        Roles(score="p", label="p")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Deployment", "holds 0 DriftMonitors: give a file with one"),
        ("a: [", "cannot be read"),
        (MONITOR + "signals: {featureDrift: {flor: '1'}}", "spec.signals.featureDrift.flor: "),
        (MONITOR + "signals: {featureDrift: {floor: '0'}}", "floor"),
        (MONITOR + "signals: {featureDrift: {}}\n  persistence: {raise: 3, of: 2}", "raise"),
        (
            MONITOR + "signals: {predictionDrift: {}}",
            "watches predictionDrift: name the column of the scores with --score",
        ),
    ],
)
def test_monitors_that_do_not_fit(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(text)
    with pytest.raises(CannotReplay) as refused:
        replay(asked(tmp_path, rows(1, BIG), rows(2, BIG), Roles(), monitor=path))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.txt", "a\n1\n", "give a file that ends with .csv or .parquet"),
        ("rows.csv", "", "cannot be read"),
        ("rows.csv", "a,b\n", "has no rows"),
        ("rows.csv", "a,a\n1,2\n", "more than one column a: rename one of them"),
        ("rows.csv", "a,b\n1,2\n3\n", "cannot be read"),
        ("rows.parquet", "not parquet", "cannot be read"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, content: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(CannotReplay) as refused:
        replay(Asked(path, path, Roles()))
    assert message in str(refused.value) and name in str(refused.value)


def test_columns_without_a_judgement_are_said(tmp_path: Path) -> None:
    known = {**rows(1, BIG), "empty": [None] * BIG, "day": ["2026-01-01"] * BIG}
    now = {**rows(2, BIG), "empty": [1] * BIG, "day": ["2026-01-02"] * BIG, "new": [1] * BIG}
    done = replay(asked(tmp_path, known, now, ALL))
    assert done.skipped == (
        "empty has no value in the reference",
        "day holds times; name it with --timestamp if rows happened then",
        "new is not in the reference",
    )


def test_a_column_that_is_empty_now_is_missing_values(tmp_path: Path) -> None:
    done = replay(asked(tmp_path, rows(1, BIG), {**rows(2, BIG), "y": [None] * BIG}, ALL))
    (y,) = [f for f in done.results[0].judged.features if f.feature == "y"]
    assert y.verdict == "Drifted"


def test_the_command_says_it_in_one_line(tmp_path: Path) -> None:
    made = asked(tmp_path, rows(1, BIG), rows(2, BIG), Roles())
    options = ["replay", "--reference", str(made.reference), "--current", str(made.current)]
    refused = CliRunner().invoke(app, [*options, "--label", "late"])
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "--label needs --score: the column of the probabilities of a positive"
    ]
    shown = CliRunner().invoke(app, [*options, "--score", "p", "--label", "late"])
    assert shown.exit_code == 0, shown.output
    assert "InsufficientData" in shown.stdout and "furthest: the feature" in shown.stdout
    written = CliRunner().invoke(app, [*options, "--score", "p", "--output", "json"])
    assert json.loads(written.stdout)["windows"][0]["rows"] == BIG
