"""Rows of a request as the input of a model, as `training.Split` gave them to it.

A model that was fitted on a data frame (`feature_names_in_`) gets one, any other gets an array: float64, or
object where an input is a text, with NaN for missing numbers and None for missing texts and booleans. The
array is made straight from the lists of the request: for one row that takes 4 us, a data frame takes 400.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.dataset.columns import model_input

Columns = Sequence[list[Any]]
_NUMBERS = ("FP64", "INT64")


def input_builder(loaded: object, signature: Signature) -> Callable[[Columns], Any]:
    """The function from columns in the order of the signature to what `loaded.predict_proba` takes."""
    names = getattr(loaded, "feature_names_in_", None)
    if names is None:
        return _array_builder(signature)
    if list(names) != [tensor.name for tensor in signature.inputs]:
        raise ContractError(
            Reason.MODEL_INVALID,
            "feature_names_in_",
            "the model was fitted on other columns than signature.json names, or in another order",
        )
    return lambda columns: model_input(loaded, _typed(columns, signature), signature)


def _array_builder(signature: Signature) -> Callable[[Columns], npt.NDArray[Any]]:
    is_text = any(tensor.datatype == "BYTES" for tensor in signature.inputs)
    kind: Any = object if is_text else np.float64
    numbers = [place for place, tensor in enumerate(signature.inputs) if tensor.datatype in _NUMBERS]

    def build(columns: Columns) -> npt.NDArray[Any]:
        filled = list(columns)
        for place in numbers:
            if None in filled[place]:
                filled[place] = [math.nan if value is None else value for value in filled[place]]
        return np.array(list(zip(*filled, strict=True)), dtype=kind)

    return build


def _typed(columns: Columns, signature: Signature) -> dict[str, npt.NDArray[Any]]:
    """The arrays of `dataset.columns.typed_columns`."""
    return {
        tensor.name: np.array(column, dtype=_dtype(tensor))
        for tensor, column in zip(signature.inputs, columns, strict=True)
    }


def _dtype(tensor: Tensor) -> Any:
    match tensor.datatype:
        case "FP64":
            return np.float64
        case "INT64":
            return np.float64 if tensor.nullable else np.int64
        case "BOOL" if not tensor.nullable:
            return np.bool_
        case _:
            return object
