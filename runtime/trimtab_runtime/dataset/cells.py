"""What a cell of a CSV file may hold, by declared type."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from trimtab_runtime.contract.data import BOOL, DOUBLE, INT, Column, DataContract

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?\Z")
INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
TRUTH = {"true": True, "false": False, "True": True, "False": False, "1": True, "0": False}
LABELS = TRUTH | {"1.0": True, "0.0": False}

# A fault of one cell in words, or None. Never the value itself: it may be personal.
CellCheck = Callable[[str], str | None]


def cell_check(column: Column, contract: DataContract) -> CellCheck:
    """The check that a cell of this column must pass."""
    if column.name == contract.label:
        return _check_label
    if column.name == contract.time_column:
        return _check_time
    if column.name == contract.group_column:
        return lambda cell: None if cell else "are missing"
    check = _typed_check(column)
    empty = None if column.nullable else "are missing, and the column is not nullable"
    return lambda cell: check(cell) if cell else empty


def _typed_check(column: Column) -> CellCheck:
    match column.type:
        case _ if column.type == DOUBLE:
            return _ranged(column, NUMBER, "are not finite numbers")
        case _ if column.type == INT:
            return _ranged(column, INTEGER, "are not integers")
        case _ if column.type == BOOL:
            return lambda cell: None if cell in TRUTH else "are neither true nor false"
        case _:
            return _in_categories(frozenset(column.categories))


def _ranged(column: Column, pattern: re.Pattern[str], fault: str) -> CellCheck:
    low = float("-inf") if column.minimum is None else column.minimum
    high = float("inf") if column.maximum is None else column.maximum
    matches, largest = pattern.match, float("inf")

    def check(cell: str) -> str | None:
        if not matches(cell):
            return fault
        value = float(cell)
        if abs(value) == largest:
            return fault
        return None if low <= value <= high else "are outside the declared range"

    return check


def _in_categories(categories: frozenset[str]) -> CellCheck:
    if not categories:
        return lambda cell: None
    return lambda cell: None if cell in categories else "are not among the declared categories"


def _check_label(cell: str) -> str | None:
    if not cell:
        return "are missing: every row needs a label"
    return None if cell in LABELS else "are no labels: only 0 and 1 (or false and true) are supported"


def _check_time(cell: str) -> str | None:
    try:
        parse_time(cell)
    except ValueError:
        return "are not ISO 8601 times"
    return None


def parse_time(cell: str) -> float:
    """Seconds since 1970; a time without offset counts as UTC."""
    time = datetime.fromisoformat(cell)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def format_time(seconds: float) -> str:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def canonical_cell(cell: str) -> str:
    """Equal for equal values however they are written: `1`, `1.0` and `1e0` are one number."""
    return repr(float(cell)) if NUMBER.match(cell) else cell


def joined_row(cells: Sequence[str]) -> bytes:
    """Bytes of a row of canonical cells: equal rows have equal bytes, and cells do not run together."""
    return "".join([f"{len(cell)}:{cell}" for cell in cells]).encode()
