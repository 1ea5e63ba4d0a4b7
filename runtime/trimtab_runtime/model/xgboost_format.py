"""A fitted `XGBClassifier` in XGBoost's own binary JSON, which holds the trees and no Python object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xgboost

from trimtab_runtime.contract.signature import Signature

FILE = "model.ubj"


def framework() -> str:
    return f"xgboost=={xgboost.__version__}"


def classifier(model: Any, signature: Signature) -> Any:
    if not isinstance(model, xgboost.XGBClassifier):
        kind = type(model).__name__
        raise ValueError(f"an XGBoost model must be a fitted XGBClassifier, not a {kind}")
    texts = [tensor.name for tensor in signature.inputs if tensor.datatype == "BYTES"]
    if texts:
        raise ValueError(
            f"XGBoost takes numbers only, and {', '.join(texts)} are texts: put the XGBClassifier behind an "
            "encoder in a scikit-learn Pipeline and save that"
        )
    return model


def dump(model: Any, path: Path) -> None:
    model.save_model(path)


def load(path: Path, _signature: Signature) -> Any:
    model = xgboost.XGBClassifier()
    model.load_model(path)
    return model
