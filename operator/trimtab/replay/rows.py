"""CSV and Parquet files as columns of numbers, texts and times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trimtab.replay.errors import CannotReplay
from trimtab_runtime.contract.buckets import Value

if TYPE_CHECKING:
    import pyarrow

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
MISSING_CODE = -1


@dataclass(frozen=True)
class Numbers:
    """NaN is missing."""

    values: Floats

    def take(self, places: Places) -> Numbers:
        return Numbers(self.values[places])

    def listed(self) -> list[Value]:
        return list(self.values.tolist())


@dataclass(frozen=True)
class Texts:
    """Rows hold the index of their value, or MISSING_CODE. Booleans are the texts `true` and `false`."""

    codes: Places
    values: tuple[str, ...]

    def take(self, places: Places) -> Texts:
        return Texts(self.codes[places], self.values)

    def listed(self) -> list[Value]:
        return [None if code == MISSING_CODE else self.values[code] for code in self.codes.tolist()]


@dataclass(frozen=True)
class Times:
    """Seconds since 1970-01-01T00:00:00Z; NaN is missing."""

    seconds: Floats

    def take(self, places: Places) -> Times:
        return Times(self.seconds[places])


@dataclass(frozen=True)
class Nothing:
    """A column of missing values alone: of any type."""

    rows: int

    def take(self, places: Places) -> Nothing:
        return Nothing(len(places))


Column = Numbers | Texts | Times | Nothing


@dataclass(frozen=True)
class Rows:
    """A file by column; `source` stands for it in messages."""

    source: str
    columns: Mapping[str, Column]
    count: int

    def __len__(self) -> int:
        return self.count

    def take(self, places: Places) -> Rows:
        taken = {name: column.take(places) for name, column in self.columns.items()}
        return Rows(self.source, taken, len(places))


def read(path: Path) -> Rows:
    """Types are those of the file, of CSV inferred: numbers, booleans, ISO 8601 times, else texts. Empty
    cells and `NA`, `NaN`, `null` are missing. Raises CannotReplay."""
    table = _table(path)
    if not table.num_rows:
        raise CannotReplay(f"{path} has no rows")
    repeated = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if repeated:
        raise CannotReplay(f"{path} has more than one column {repeated[0]}: rename one of them")
    columns = {name: _column(f"{path}: column {name}", table.column(name)) for name in table.column_names}
    return Rows(str(path), columns, table.num_rows)


def _table(path: Path) -> pyarrow.Table:
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise CannotReplay("reading files needs more packages: pip install 'trimtab[replay]'") from None
    try:
        match path.suffix.lower():
            case ".csv":
                missing = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
                return pyarrow.csv.read_csv(path, convert_options=missing)
            case ".parquet":
                return pyarrow.parquet.read_table(path)
            case _:
                raise CannotReplay(f"{path}: give a file that ends with .csv or .parquet")
    except (OSError, pyarrow.ArrowException) as error:
        raise CannotReplay(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def _column(where: str, column: pyarrow.ChunkedArray) -> Column:
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_null(kind) or column.null_count == len(column):
        return Nothing(len(column))
    if types.is_boolean(kind):
        return _texts(column.cast("string"))
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return _numbers(where, column)
    if types.is_timestamp(kind) or types.is_date(kind):
        return _times(column)
    if types.is_string(kind) or types.is_large_string(kind):
        return _texts(column.cast("string"))
    raise CannotReplay(f"{where} is of type {kind}: keep numbers, texts, booleans and times only")


def _numbers(where: str, column: pyarrow.ChunkedArray) -> Numbers:
    values = np.array(column.cast("float64").to_numpy(), dtype=np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        raise CannotReplay(
            f"{where}, row {infinite[0] + 1} is infinite: leave the cell empty, or drop the row"
        )
    return Numbers(values)


def _texts(column: pyarrow.ChunkedArray) -> Texts:
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(MISSING_CODE).to_numpy(zero_copy_only=False).astype(np.intp)
    return Texts(codes, tuple(encoded.dictionary.to_pylist()))


def _times(column: pyarrow.ChunkedArray) -> Times:
    """A time without a zone is taken for UTC."""
    import pyarrow

    micros = column.cast(pyarrow.timestamp("us", tz="UTC" if getattr(column.type, "tz", None) else None))
    return Times(
        np.array([math.nan if v is None else v / 1e6 for v in micros.cast("int64").to_pylist()], np.float64)
    )
