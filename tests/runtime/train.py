"""A training program as users write them; run by the tests as the container `train`."""

from __future__ import annotations

import sys
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from trimtab_runtime.scoring import log_loss
from trimtab_runtime.training import Split, load_split, log_metric, params, save_model, trial
from trimtab_runtime.training.saving import positive_probability


def main(how: str) -> None:
    train, validation = load_split("train"), load_split("validation")
    model = FITTED.get(how, fitted_pipeline)(train, how)
    log_metric("logLoss", log_loss(validation.label, positive_probability(model, validation)))
    log_metric("fitSeconds", 0.25)
    save_model(model, reference=load_split("train" if how == "leak" else "reference"))


def fitted_pipeline(train: Split, how: str) -> Any:
    frame = how == "frame"
    encode = ColumnTransformer(
        [("carrier", OrdinalEncoder(), ["carrier"] if frame else [0])], remainder="passthrough"
    )
    trees = HistGradientBoostingClassifier(
        max_iter=20, max_leaf_nodes=int(params()["leaves"]), random_state=trial().seed
    )
    model = Pipeline([("encode", encode), ("trees", trees)])
    return model.fit(train.frame if frame else train.rows, train.label)


def fitted_xgboost(train: Split, how: str) -> Any:
    """Trees on numbers; `xgboost-missing` sets what the file format does not keep."""
    from xgboost import XGBClassifier

    more = {"missing": 3.0} if how == "xgboost-missing" else {}
    model = XGBClassifier(n_estimators=20, max_leaves=int(params()["leaves"]), **more)
    return model.fit(train.frame if how == "xgboost-frame" else numbers(train), train.label)


def numbers(split: Split) -> Any:
    """The two features that are numbers, also where the data contract declares a text."""
    return split.rows[:, -2:].astype("float32")


def exported_columns(train: Split, how: str) -> Any:
    """ONNX with an input per feature. `onnx-zipmap` answers with dictionaries, as is the default of the
    exporter; `onnx-numbers` leaves a feature out."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    parts = [
        ("carrier", OneHotEncoder(), ["carrier"]),
        ("hour", StandardScaler(), ["hour"]),
        ("temp", SimpleImputer(), ["temp"]),
    ]
    types = {"carrier": StringTensorType, "hour": Int64TensorType, "temp": FloatTensorType}
    if how == "onnx-numbers":
        del parts[0], types["carrier"]
    model = Pipeline([("prepare", ColumnTransformer(parts)), ("fit", LogisticRegression())])
    model.fit(train.frame, train.label)
    initial = [(name, kind([None, 1])) for name, kind in types.items()]
    return to_onnx(model, initial_types=initial, options={"zipmap": how == "onnx-zipmap"})


def exported_matrix(train: Split, _how: str) -> Any:
    """ONNX with one matrix of floats, as the bytes of a file."""
    from skl2onnx import to_onnx

    trees = HistGradientBoostingClassifier(max_iter=20).fit(numbers(train), train.label)
    exported = to_onnx(trees, numbers(train)[:1], options={"zipmap": False})
    return bytes(exported.SerializeToString())


FITTED = {
    "xgboost": fitted_xgboost,
    "xgboost-frame": fitted_xgboost,
    "xgboost-missing": fitted_xgboost,
    "onnx": exported_columns,
    "onnx-zipmap": exported_columns,
    "onnx-numbers": exported_columns,
    "onnx-matrix": exported_matrix,
}


if __name__ == "__main__":
    main(sys.argv[1])
