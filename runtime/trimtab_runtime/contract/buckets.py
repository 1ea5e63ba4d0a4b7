"""Which bucket of the reference a value falls into: one rule for profile, server and drift."""

from __future__ import annotations

import math
from bisect import bisect_left

from .profile import CategoricalFeature, Feature, NumericFeature, ScoreReference

BELOW, ABOVE, MISSING, UNSEEN = "below", "above", "missing", "unseen"
Value = str | float | bool | None


def bucket_names(feature: Feature) -> tuple[str, ...]:
    """All labels a feature's rows may be counted under, as `/metrics` exports them."""
    return (*(str(index) for index in range(len(feature.counts))), BELOW, ABOVE, MISSING, UNSEEN)


def bucket_of(feature: Feature, value: Value) -> str:
    """The bucket of one value. None and NaN are missing; booleans are the texts `true` and `false`."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    match feature:
        case NumericFeature():
            return _numeric_bucket(feature, float(value))
        case CategoricalFeature():
            return _categorical_bucket(feature, category_of(value))


def score_bucket(score: ScoreReference, value: float) -> int:
    """Index of the bucket (a, b] of a score."""
    return bisect_left(score.edges, value)


def category_of(value: str | float | bool) -> str | float:
    """How a value is named in a categorical feature."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else float(value)


def _numeric_bucket(feature: NumericFeature, value: float) -> str:
    if value < feature.minimum:
        return BELOW
    if value > feature.maximum:
        return ABOVE
    return str(bisect_left(feature.edges, value))


def _categorical_bucket(feature: CategoricalFeature, value: str | float) -> str:
    """A value without a name is `__other__` if the reference had such rows, and unseen if it had none."""
    named = feature.values[:-1]
    if value in named:
        return str(named.index(value))
    return str(len(named)) if feature.counts[-1] else UNSEEN
