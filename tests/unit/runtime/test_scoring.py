"""Metrics against scikit-learn, and the paired bootstrap against what must hold for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_runtime.comparison import compare
from trimtab_runtime.scoring import accuracy, auc, brier, log_loss

rows = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0]),
        st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0])),
        st.integers(1, 5),
    ),
    min_size=2,
    max_size=60,
).filter(lambda items: len({label for label, _, _ in items}) == 2)


@given(rows)
def test_metrics_are_those_of_scikit_learn(items: list[tuple[float, float, int]]) -> None:
    labels, scores, weights = (np.array(column, dtype=np.float64) for column in zip(*items, strict=True))
    for given_weights in (None, weights):
        options = {"sample_weight": given_weights}
        assert log_loss(labels, scores, given_weights) == pytest.approx(
            sklearn.metrics.log_loss(labels, scores, labels=[0, 1], **options)
        )
        assert brier(labels, scores, given_weights) == pytest.approx(
            sklearn.metrics.brier_score_loss(labels, scores, **options)
        )
        assert auc(labels, scores, given_weights) == pytest.approx(
            sklearn.metrics.roc_auc_score(labels, scores, **options)
        )
        assert accuracy(labels, scores, given_weights) == pytest.approx(
            sklearn.metrics.accuracy_score(labels, scores > 0.5, **options)
        )


def test_auc_of_one_class_is_not_a_number() -> None:
    assert math.isnan(auc(np.ones(3), np.array([0.1, 0.2, 0.3])))


def _world(seed: int, groups: int = 40, size: int = 25) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    level = np.repeat(generator.normal(size=groups), size)
    truth = 1 / (1 + np.exp(-(level + generator.normal(size=groups * size))))
    labels = (generator.uniform(size=len(truth)) < truth).astype(np.float64)
    blurred = np.clip(truth + generator.normal(scale=0.25, size=len(truth)), 0.01, 0.99)
    return labels, truth, blurred, np.repeat(np.arange(groups), size)


def test_the_better_model_has_positive_differences_within_their_interval() -> None:
    labels, truth, blurred, groups = _world(1)
    for comparison in compare(labels, truth, blurred, groups, seed=7):
        assert comparison.difference > 0 and comparison.groups == 40
        assert comparison.interval is not None
        assert comparison.interval[0] < comparison.difference < comparison.interval[1]
    for comparison in compare(labels, blurred, truth, groups, seed=7):
        assert comparison.difference < 0


def test_a_model_against_itself_differs_by_nothing() -> None:
    labels, truth, _, groups = _world(2)
    for comparison in compare(labels, truth, truth, groups, seed=7):
        assert comparison.difference == 0 and comparison.interval == (0, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    labels, truth, blurred, groups = _world(3)
    assert compare(labels, truth, blurred, groups, seed=7) == compare(labels, truth, blurred, groups, seed=7)


def test_one_group_has_no_interval() -> None:
    labels, truth, blurred, _ = _world(4)
    for comparison in compare(labels, truth, blurred, np.zeros(len(labels), dtype=np.intp), seed=7):
        assert comparison.interval is None and comparison.groups == 1


def test_auc_has_no_interval_where_most_samples_have_one_class() -> None:
    labels = np.array([1.0, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.1, 0.2, 0.3, 0.4, 0.5])
    groups = np.array([0, 1, 1, 1, 1, 1])
    by_metric = {c.metric: c for c in compare(labels, scores, 1 - scores, groups, seed=7)}
    assert by_metric["auc"].difference == 2 * 0.5
    # Of two groups drawn twice, half the samples hold both: enough for an interval, just.
    assert by_metric["logLoss"].interval is not None


def test_dependent_rows_widen_the_interval() -> None:
    """Rows of one group share their error: resampling rows would claim four times the certainty."""
    labels, truth, _, groups = _world(5)
    shifted = np.clip(truth + np.repeat(np.random.default_rng(6).normal(scale=0.3, size=40), 25), 0.01, 0.99)

    def width(by: np.ndarray) -> float:
        (comparison,) = (c for c in compare(labels, truth, shifted, by, seed=7) if c.metric == "brier")
        assert comparison.interval is not None
        return comparison.interval[1] - comparison.interval[0]

    assert width(groups) > 2 * width(np.arange(len(labels)))


@settings(max_examples=3)
@given(st.integers(0, 1000))
def test_the_interval_is_that_of_the_difference_of_means(seed: int) -> None:
    """For a mean metric the bootstrap deviation is near the classical one over groups."""
    labels, truth, blurred, groups = _world(seed)
    (comparison,) = (c for c in compare(labels, truth, blurred, groups, seed=7) if c.metric == "brier")
    per_group = np.bincount(groups, (blurred - labels) ** 2 - (truth - labels) ** 2) / 25
    assert comparison.interval is not None
    half = (comparison.interval[1] - comparison.interval[0]) / 2
    assert half == pytest.approx(1.96 * per_group.std(ddof=1) / math.sqrt(40), rel=0.15)
