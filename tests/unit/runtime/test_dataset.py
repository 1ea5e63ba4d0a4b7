"""Cells and fingerprints of data files, without a registry."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_runtime.contract.data import parse_data_contract
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.dataset.cells import canonical_cell, cell_check, format_time, joined_row, parse_time
from trimtab_runtime.dataset.leaks import shared_rows
from trimtab_runtime.dataset.validation import check_file, fingerprint_file, join

CONTRACT = parse_data_contract(
    {
        "label": "late",
        "groupColumn": "day",
        "columns": {
            "count": {"type": "int"},
            "ratio": {"type": "double", "nullable": True},
            "flag": {"type": "bool"},
            "late": {"type": "bool"},
        },
    }
)


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("count", ["0", "-5", "+7"], ["", "1.0", "1e3", "1_000", " 1", "x", "9" * 19, "0x1"]),
        ("ratio", ["", "1", "-.5", "1e-3", "2.", "+1.5E+10"], ["nan", "inf", "1e999", "1,5", "1_0", " 1"]),
        ("flag", ["true", "False", "0", "1"], ["", "yes", "TRUE", "2"]),
        ("late", ["0", "1", "1.0", "true"], ["", "2", "yes", "0.5"]),
        ("day", ["monday"], [""]),
    ],
)
def test_cells(column: str, good: list[str], bad: list[str]) -> None:
    check = cell_check(CONTRACT.column(column), CONTRACT)
    assert [cell for cell in good if check(cell)] == []
    assert [cell for cell in bad if not check(cell)] == []


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_one_number_has_one_canonical_form(number: float) -> None:
    assert canonical_cell(repr(number)) == canonical_cell(f"{number:.17e}") == canonical_cell(f"{number!r}")


@given(st.lists(st.text(max_size=4), min_size=2, max_size=4))
def test_cells_do_not_run_into_each_other(cells: list[str]) -> None:
    merged = ["".join(cells[:2]), *cells[2:]]
    assert joined_row(cells) != joined_row(merged)


def test_times() -> None:
    assert parse_time("2013-01-01T10:00:00Z") == parse_time("2013-01-01T05:00:00-05:00")
    assert parse_time("2013-01-01T10:00:00") == parse_time("2013-01-01 10:00:00+00:00")
    assert format_time(parse_time("2013-01-01T05:00:00-05:00")) == "2013-01-01T10:00:00Z"


HEADER = "count,ratio,flag,late,day\n"


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_rows_are_equal_whatever_the_order_of_columns_and_the_form_of_numbers(tmp_path: Path) -> None:
    a = _file(tmp_path, "a.csv", HEADER + "1,0.50,true,1,mon\n2,,false,0,mon\n")
    b = _file(tmp_path, "b.csv", "day,late,flag,ratio,count\nmon,1,true,5e-1,1\ntue,0,true,,3\n")
    fa, fb = (check_file(path, path.name, CONTRACT) for path in (a, b))
    assert shared_rows(fa, fb) == 1 and fa.groups & fb.groups == {"mon"}
    assert join([fa, fb]).rows == 4


def test_faults_are_counted_over_the_whole_file(tmp_path: Path) -> None:
    rows = "".join(f"{'x' if i % 9000 == 8999 else i},1,true,{i % 2},mon\n" for i in range(20_000))
    with pytest.raises(ContractError) as caught:
        check_file(_file(tmp_path, "a.csv", HEADER + rows), "a.csv", CONTRACT)
    assert caught.value.message == "2 values of a.csv are not integers (first in row 9000)"


def test_a_file_of_another_contract_is_compared_as_far_as_it_can_be(tmp_path: Path) -> None:
    grouped = fingerprint_file(_file(tmp_path, "a.csv", "x,day\n1,mon\n"), "a.csv", CONTRACT)
    assert grouped is not None and grouped.groups == {"mon"}
    assert fingerprint_file(_file(tmp_path, "b.csv", "x,y\n1,2\n"), "b.csv", CONTRACT) is None
