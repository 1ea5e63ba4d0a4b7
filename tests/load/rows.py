"""Rows of a pool: read from CSV, drawn in a seeded order, put into a request."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Datatype = Literal["FP64", "INT64", "BYTES", "BOOL"]
DATATYPES: Mapping[str, Datatype] = {"FP64": "FP64", "INT64": "INT64", "BYTES": "BYTES", "BOOL": "BOOL"}


@dataclass(frozen=True)
class Input:
    """One named input of the model (Open Inference Protocol, tensor metadata)."""

    name: str
    datatype: Datatype


@dataclass(frozen=True)
class Pool:
    """Rows that requests are drawn from, with their labels; None is a missing value."""

    name: str
    inputs: tuple[Input, ...]
    rows: tuple[tuple[Any, ...], ...]
    labels: tuple[int, ...]


def read_pool(path: Path, inputs: Sequence[Input], label: str) -> Pool:
    """A pool from a CSV file with a header; other columns are ignored.

    ValueError names a missing column, or the line and column of a value that is not of its type.
    """
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [
            name for name in (*(i.name for i in inputs), label) if name not in (reader.fieldnames or ())
        ]
        if missing:
            raise ValueError(f"{path}: no column {missing[0]}")
        read = [(_row(path, line, row, inputs), int(row[label])) for line, row in enumerate(reader, start=2)]
    if not read:
        raise ValueError(f"{path}: no rows")
    rows, labels = zip(*read, strict=True)
    return Pool(path.stem, tuple(inputs), rows, labels)


def _row(path: Path, line: int, row: Mapping[str, str], inputs: Sequence[Input]) -> tuple[Any, ...]:
    try:
        return tuple(_value(row[one.name], one.datatype) for one in inputs)
    except ValueError as error:
        raise ValueError(f"{path}, line {line}: {error}") from error


def _value(text: str, datatype: Datatype) -> Any:
    if text == "":
        return None
    match datatype:
        case "FP64":
            return float(text)
        case "INT64":
            return int(text)
        case "BOOL":
            return text == "true"
        case "BYTES":
            return text


class Draw:
    """Rows of one pool in random order, each once per pass; the next pass is shuffled with the next seed."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool = pool
        self.first_seed = seed
        self.passes = 0
        self.drawn = 0
        self._order = self._passes_without_end()

    def next_row(self) -> int:
        """The number of the next row in the pool."""
        self.drawn += 1
        return next(self._order)

    def _passes_without_end(self) -> Iterator[int]:
        while True:
            order = list(range(len(self.pool.rows)))
            random.Random(self.first_seed + self.passes).shuffle(order)
            self.passes += 1
            yield from order


def request_body(pool: Pool, row: int) -> bytes:
    """An Open Inference Protocol v2 request of one row: one named input per feature, null for missing."""
    inputs = [
        {"name": one.name, "shape": [1], "datatype": one.datatype, "data": [value]}
        for one, value in zip(pool.inputs, pool.rows[row], strict=True)
    ]
    return json.dumps({"inputs": inputs}, separators=(",", ":")).encode()
