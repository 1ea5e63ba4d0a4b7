"""CSV files in chunks of columns, so that memory does not grow with the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from trimtab_runtime.contract.errors import ContractError, Reason

CHUNK_ROWS = 8192


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows, by column. `first_row` counts from 1, the header not included."""

    first_row: int
    columns: dict[str, Sequence[str]]

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values())))


class CsvTable:
    """An open CSV file: UTF-8, comma, one header line. Faults are DataInvalid and name the file."""

    def __init__(self, name: str, lines: TextIO) -> None:
        self._name = name
        self._reader = csv.reader(lines, strict=True)
        with self._faults():
            header = next(self._reader, None)
        if not header:
            raise self.fault("is empty: a header line and rows are needed")
        if len(set(header)) != len(header):
            raise self.fault("repeats a column name in its header")
        self.header = tuple(header)

    def fault(self, message: str) -> ContractError:
        return ContractError(Reason.DATA_INVALID, self._name, message)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except UnicodeDecodeError:
            raise self.fault("is not UTF-8") from None
        except csv.Error:
            raise self.fault(f"is not CSV near line {self._reader.line_num}") from None

    def chunks(self) -> Iterator[Chunk]:
        """All rows; a row of another length than the header is a fault."""
        first, width = 1, len(self.header)
        while True:
            with self._faults():
                rows = list(islice(self._reader, CHUNK_ROWS))
            if not rows:
                return
            for number, row in enumerate(rows, first):
                if len(row) != width:
                    raise self.fault(f"row {number} has {len(row)} cells, the header has {width}")
            yield Chunk(first, dict(zip(self.header, zip(*rows, strict=True), strict=True)))
            first += len(rows)


@contextmanager
def open_table(path: Path, name: str) -> Iterator[CsvTable]:
    """Open a CSV file; `name` stands for it in messages."""
    with path.open(encoding="utf-8", newline="") as lines:
        yield CsvTable(name, lines)
