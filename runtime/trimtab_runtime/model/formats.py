"""The formats a model is stored in, and which one a trained model gets.

A format is a module with these functions. It is imported when a model of it is saved or loaded: each needs a
framework that only the image which trains such models has.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Protocol, cast

from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.result import ONNX, SKLEARN, XGBOOST
from trimtab_runtime.contract.signature import Signature

_MODULES = {SKLEARN: "sklearn_format", XGBOOST: "xgboost_format", ONNX: "onnx_format"}


class Format(Protocol):
    """What `classifier` and `load` return has `predict_proba(rows)`: a column each for label 0 and 1."""

    FILE: str

    def framework(self) -> str:
        """Framework and exact version of this process, such as `scikit-learn==1.9.1`."""
        ...

    def classifier(self, model: Any, signature: Signature) -> Any:
        """A trained model as a classifier of these inputs; ValueError says why it is none."""
        ...

    def dump(self, model: Any, path: Path) -> None:
        """Store a trained model in one file."""
        ...

    def load(self, path: Path, signature: Signature) -> Any:
        """The stored model as a classifier of these inputs."""
        ...


def format_of(model: Any) -> str:
    """The format in which a trained model is stored: by its type, without importing any framework."""
    if isinstance(model, bytes) or hasattr(model, "SerializeToString"):
        return ONNX
    if type(model).__module__.partition(".")[0] == "xgboost":
        return XGBOOST
    return SKLEARN


def format_named(name: str) -> Format:
    """The format of this name; RuntimeMismatch where this image lacks its framework."""
    try:
        return cast(Format, importlib.import_module(f".{_MODULES[name]}", __package__))
    except ModuleNotFoundError as error:
        raise ContractError(
            Reason.RUNTIME_MISMATCH,
            "framework",
            f"a model of format {name} needs the Python package {error.name}, which this image has not",
        ) from error
