"""The model: gradient boosting on numbers and three categories, from scikit-learn's own parts only.

Only library classes are in the pickle, so the serving image needs scikit-learn and not this package. Rows are
object
arrays with the columns in the order given: one request is one row, without a data frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder


@dataclass(frozen=True)
class Settings:
    """What a search may vary; the defaults are the model of the documentation."""

    iterations: int = 60
    leaves: int = 8
    rate: float = 0.1

    @classmethod
    def read(cls, parameters: Mapping[str, str]) -> Settings:
        """From an Experiment's parameters; ValueError names one that is unknown or not a number."""
        unknown = sorted(set(parameters) - {"iterations", "leaves", "rate"})
        if unknown:
            raise ValueError(f"unknown parameter {unknown[0]}: this program knows iterations, leaves, rate")
        return cls(
            iterations=int(parameters.get("iterations", cls.iterations)),
            leaves=int(parameters.get("leaves", cls.leaves)),
            rate=float(parameters.get("rate", cls.rate)),
        )


def pipeline(columns: Sequence[str], categorical: Sequence[str], settings: Settings, seed: int) -> Pipeline:
    """An unfitted classifier of rows in the order of `columns`; predict_proba[:, 1] is the score.

    A category that training did not see counts as missing, and so does a missing number: both are learnt as a
    direction of each split, no row is refused.
    """
    places = [columns.index(name) for name in categorical]
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    trees = HistGradientBoostingClassifier(
        max_iter=settings.iterations,
        max_leaf_nodes=settings.leaves,
        learning_rate=settings.rate,
        categorical_features=list(range(len(places))),  # the encoder puts them first
        early_stopping=False,
        random_state=seed,
    )
    encode = ColumnTransformer([("categories", encoder, places)], remainder="passthrough")
    return Pipeline([("encode", encode), ("trees", trees)])
