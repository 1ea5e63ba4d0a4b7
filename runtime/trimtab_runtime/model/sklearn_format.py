"""A fitted scikit-learn classifier, or anything that behaves like one, as a joblib pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import sklearn

from trimtab_runtime.contract.signature import Signature

FILE = "model.joblib"


def framework() -> str:
    return f"scikit-learn=={sklearn.__version__}"


def classifier(model: Any, _signature: Signature) -> Any:
    return model


def dump(model: Any, path: Path) -> None:
    joblib.dump(model, path)


def load(path: Path, _signature: Signature) -> Any:
    return joblib.load(path)
