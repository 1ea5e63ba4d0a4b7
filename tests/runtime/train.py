"""A training program as users write them; run by the tests as the container `train`."""

from __future__ import annotations

import sys

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from trimtab_runtime.scoring import log_loss
from trimtab_runtime.training import load_split, log_metric, params, save_model, trial


def main(how: str) -> None:
    train, validation = load_split("train"), load_split("validation")
    frame = how == "frame"
    encode = ColumnTransformer(
        [("carrier", OrdinalEncoder(), ["carrier"] if frame else [0])], remainder="passthrough"
    )
    trees = HistGradientBoostingClassifier(
        max_iter=20, max_leaf_nodes=int(params()["leaves"]), random_state=trial().seed
    )
    model = Pipeline([("encode", encode), ("trees", trees)])
    model.fit(train.frame if frame else train.rows, train.label)
    scores = model.predict_proba(validation.frame if frame else validation.rows)[:, 1]
    log_metric("logLoss", log_loss(validation.label, scores))
    log_metric("fitSeconds", 0.25)
    save_model(model, reference=load_split("train" if how == "leak" else "reference"))


if __name__ == "__main__":
    main(sys.argv[1])
