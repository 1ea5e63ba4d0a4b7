"""CSV files as typed arrays, and as the input of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract.signature import Signature, Tensor

from .cells import TRUTH
from .table import open_table

Array = npt.NDArray[Any]


def read_columns(files: Sequence[Path], names: Sequence[str]) -> dict[str, list[str]]:
    """The cells of some columns over all rows of all files, as written."""
    columns: dict[str, list[str]] = {name: [] for name in names}
    for path in files:
        with open_table(path, path.name) as table:
            for name in names:
                if name not in table.header:
                    raise table.fault(f"has no column {name}")
            for chunk in table.chunks():
                for name in names:
                    columns[name].extend(chunk.columns[name])
    return columns


def typed_columns(cells: Mapping[str, Sequence[str]], signature: Signature) -> dict[str, Array]:
    """Arrays by input name. Missing is NaN in numbers, None in texts and booleans.

    FP64 is float64; INT64 is int64, or float64 where the input is nullable; BOOL is bool, or object where
    nullable; BYTES is object.
    """
    return {tensor.name: _typed(cells[tensor.name], tensor) for tensor in signature.inputs}


def _typed(cells: Sequence[str], tensor: Tensor) -> Array:
    match tensor.datatype:
        case "INT64" if not tensor.nullable:
            return np.array([int(cell) for cell in cells], dtype=np.int64)
        case "FP64" | "INT64":
            return np.array([float(cell) if cell else np.nan for cell in cells], dtype=np.float64)
        case "BOOL" if not tensor.nullable:
            return np.array([TRUTH[cell] for cell in cells], dtype=np.bool_)
        case "BOOL":
            return np.array([TRUTH[cell] if cell else None for cell in cells], dtype=object)
        case _:
            return np.array([cell or None for cell in cells], dtype=object)


def model_input(model: object, columns: Mapping[str, Array], signature: Signature) -> Any:
    """Rows as this model was fitted: a data frame if it remembers column names, an array otherwise.

    Columns are in the order of the signature. The array is float64, or object where an input is a text.
    """
    ordered = {tensor.name: columns[tensor.name] for tensor in signature.inputs}
    if hasattr(model, "feature_names_in_"):
        import pandas

        return pandas.DataFrame(ordered)
    return as_rows(ordered, signature)


def as_rows(columns: Mapping[str, Array], signature: Signature) -> Array:
    """A two-dimensional array, one row per row, columns in the order of the signature."""
    is_text = any(tensor.datatype == "BYTES" for tensor in signature.inputs)
    kind: Any = object if is_text else np.float64
    rows = len(next(iter(columns.values())))
    result = np.empty((rows, len(signature.inputs)), dtype=kind)
    for place, tensor in enumerate(signature.inputs):
        result[:, place] = columns[tensor.name]
    return result
