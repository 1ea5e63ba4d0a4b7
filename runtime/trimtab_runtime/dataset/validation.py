"""One pass over a file: does it keep the data contract, and what must other splits not share with it?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract.data import DataContract
from trimtab_runtime.contract.errors import ContractError, Reason

from .cells import LABELS, CellCheck, canonical_cell, cell_check, joined_row, parse_time
from .table import Chunk, CsvTable, open_table

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Fingerprint:
    """What is compared between splits. `hashes` are 64 bits of BLAKE2b per row over all declared columns:
    two sets of ten million rows collide by chance once in 200,000 comparisons."""

    rows: int
    hashes: Hashes
    groups: frozenset[str] = frozenset()
    span: tuple[float, float] | None = None


def join(parts: Sequence[Fingerprint]) -> Fingerprint:
    """All together, for the chunks of a file and the files of a split."""
    spans = [part.span for part in parts if part.span]
    return Fingerprint(
        rows=sum(part.rows for part in parts),
        hashes=np.concatenate([np.empty(0, dtype=np.uint64), *(part.hashes for part in parts)]),
        groups=frozenset[str]().union(*(part.groups for part in parts)),
        span=(min(first for first, _ in spans), max(last for _, last in spans)) if spans else None,
    )


@dataclass
class _Faults:
    """First fault of each column, with the number of rows that have it."""

    found: dict[str, tuple[str, int, int]] = field(default_factory=dict)

    def add_all(self, column: str, check: CellCheck, chunk: Chunk) -> None:
        """Check each distinct cell once; most columns repeat few values."""
        cells = chunk.columns[column]
        bad = {cell: fault for cell in set(cells) if (fault := check(cell))}
        if bad:
            for row, cell in enumerate(cells, chunk.first_row):
                if cell in bad:
                    self._add(column, bad[cell], row)

    def _add(self, column: str, fault: str, row: int) -> None:
        known, first, count = self.found.get(column, (fault, row, 0))
        if known == fault:
            self.found[column] = (known, first, count + 1)

    def raise_any(self, name: str) -> None:
        for column, (fault, row, count) in self.found.items():
            noun = "value" if count == 1 else "values"
            message = f"{count} {noun} of {name} {fault} (first in row {row})"
            raise ContractError(Reason.DATA_INVALID, column, message)


def check_file(path: Path, name: str, contract: DataContract) -> Fingerprint:
    """Check every cell of a file against the closed contract and fingerprint it.

    Raises DataInvalid with the column as its field, the number of bad values and the first row that has one.
    """
    columns = contract.column_names
    checks = [(column, cell_check(contract.column(column), contract)) for column in columns]
    faults, labels, parts = _Faults(), set[str](), list[Fingerprint]()
    with open_table(path, name) as table:
        _check_header(table, contract, name)
        for chunk in table.chunks():
            for column, check in checks:
                faults.add_all(column, check, chunk)
            labels.update(chunk.columns[contract.label])
            if not faults.found:
                parts.append(_fingerprint(chunk, contract, columns))
    faults.raise_any(name)
    if not parts:
        raise ContractError(Reason.DATA_INVALID, name, "holds no rows")
    if len({LABELS[label] for label in labels}) < 2:
        raise ContractError(
            Reason.DATA_INVALID, contract.label, f"all rows of {name} have one label: both are needed"
        )
    return join(parts)


def fingerprint_file(path: Path, name: str, contract: DataContract) -> Fingerprint | None:
    """Fingerprint of a file of an earlier contract; None if neither rows nor groups can be compared."""
    with open_table(path, name) as table:
        same_rows = set(table.header) == set(contract.column_names)
        if not same_rows and contract.group_column not in table.header:
            return None
        columns = contract.column_names if same_rows else ()
        return join([_fingerprint(chunk, contract, columns) for chunk in table.chunks()])


def _check_header(table: CsvTable, contract: DataContract, name: str) -> None:
    declared = set(contract.column_names)
    for column in table.header:
        if column not in declared:
            shown = column if column.isidentifier() and len(column) < 64 else "(header)"
            raise ContractError(
                Reason.DATA_INVALID,
                shown,
                f"{name} has this column, and the dataContract does not declare it",
            )
    for column in contract.column_names:
        if column not in table.header:
            raise ContractError(Reason.DATA_INVALID, column, f"{name} lacks this declared column")


def _canonical(cells: Sequence[str]) -> list[str]:
    form = {cell: canonical_cell(cell) for cell in set(cells)}
    return [form[cell] for cell in cells]


def _fingerprint(chunk: Chunk, contract: DataContract, columns: Sequence[str]) -> Fingerprint:
    cells = [_canonical(chunk.columns[column]) for column in columns]
    rows = zip(*cells, strict=True)
    digests = [hashlib.blake2b(joined_row(row), digest_size=8).digest() for row in rows]
    group, time = contract.group_column, contract.time_column
    span = None
    if time and time in columns:
        seconds = [parse_time(cell) for cell in dict.fromkeys(chunk.columns[time])]
        span = (min(seconds), max(seconds))
    return Fingerprint(
        rows=chunk.rows,
        hashes=np.frombuffer(b"".join(digests), dtype=np.uint64),
        groups=frozenset(chunk.columns[group]) if group else frozenset(),
        span=span,
    )
