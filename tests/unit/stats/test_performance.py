"""Log loss, Brier and AUC from bucket counts: against the same metrics of single rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trimtab.stats.degradation import Metric, compare
from trimtab.stats.performance import Estimate, bucket_scores, realised

PROPERTY = settings(max_examples=20, deadline=None)

SCORES = (0.1, 0.3, 0.5, 0.7, 0.9)


def rows(negatives: list[int], positives: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(score, label) of every row behind the counts."""
    score = np.concatenate((np.repeat(SCORES, negatives), np.repeat(SCORES, positives)))
    return score, np.repeat([0, 1], [sum(negatives), sum(positives)])


counts = st.lists(st.integers(0, 30), min_size=5, max_size=5)


@PROPERTY
@given(counts.filter(lambda c: sum(c) > 1), counts.filter(lambda c: sum(c) > 1))
def test_equals_the_metrics_of_the_rows(negatives: list[int], positives: list[int]) -> None:
    found = realised(SCORES, negatives, positives)
    score, label = rows(negatives, positives)
    losses = -np.log(np.where(label == 1, score, 1 - score))
    assert found.log_loss.value == pytest.approx(losses.mean())
    assert found.log_loss.standard_error == pytest.approx(stats.sem(losses))
    squares = (label - score) ** 2
    assert found.brier == Estimate(pytest.approx(squares.mean()), pytest.approx(stats.sem(squares)))
    u = stats.mannwhitneyu(score[label == 1], score[label == 0]).statistic
    assert found.auc is not None
    assert found.auc.value == pytest.approx(u / (sum(negatives) * sum(positives)))


def test_auc_error_is_delongs() -> None:
    negatives, positives = [20, 15, 10, 5, 2], [3, 5, 9, 14, 20]
    score, label = rows(negatives, positives)
    beats = (score[label == 1][:, None] > score[label == 0]) + 0.5 * (
        score[label == 1][:, None] == score[label == 0]
    )
    by_positive, by_negative = beats.mean(axis=1), beats.mean(axis=0)
    delong = np.var(by_positive, ddof=1) / by_positive.size + np.var(by_negative, ddof=1) / by_negative.size
    found = realised(SCORES, negatives, positives).auc
    assert found is not None
    assert found.standard_error == pytest.approx(delong**0.5)


def test_errors_cover_as_they_say() -> None:
    generator = np.random.default_rng(5)
    answered = np.array([120, 80, 60, 80, 60])
    exact = realised(
        SCORES, answered * (1 - np.array(SCORES)) * 1e6 // 1, answered * np.array(SCORES) * 1e6 // 1
    )
    assert exact.auc is not None
    inside = np.zeros(3)
    for _ in range(400):
        drawn = generator.multinomial(400, answered / 400)
        positives = generator.binomial(drawn, SCORES)
        found = realised(SCORES, drawn - positives, positives)
        assert found.auc is not None
        pairs = ((found.log_loss, exact.log_loss), (found.brier, exact.brier), (found.auc, exact.auc))
        inside += [abs(seen.value - true.value) <= 1.96 * seen.standard_error for seen, true in pairs]
    assert (inside / 400 > 0.91).all()
    assert (inside / 400 < 0.985).all()


def test_reweighting_undoes_labels_that_return_unevenly() -> None:
    """Positives of high scores answer ten times as often; weighted by bucket the metrics are the same."""
    negatives, positives = [900, 700, 500, 300, 100], [100, 300, 500, 700, 900]
    true = realised(SCORES, negatives, positives)
    returned = np.array([0.1, 0.1, 0.1, 1.0, 1.0])
    found = realised(SCORES, negatives * returned, positives * returned, answered=[1_000] * 5)
    assert found.log_loss.value == pytest.approx(true.log_loss.value)
    assert found.auc is not None
    assert true.auc is not None
    assert found.auc.value == pytest.approx(true.auc.value)
    assert found.log_loss.standard_error > true.log_loss.standard_error
    assert (found.labelled_share, found.covered) == (pytest.approx(0.46), 1.0)


def test_what_the_labels_do_not_cover_is_said() -> None:
    found = realised(SCORES, [5, 5, 0, 0, 0], [5, 5, 0, 0, 0], answered=[10, 5, 5, 0, 0])
    assert found.covered == pytest.approx(0.75)
    assert found.over_labelled == (1,)


def test_labels_without_any_answer_are_all_duplicates() -> None:
    found = realised(SCORES, [5, 0, 0, 0, 0], [5, 0, 0, 0, 0], answered=[0, 0, 9, 0, 0])
    assert (found.covered, found.over_labelled) == (0.0, (0,))


def test_one_class_has_no_auc() -> None:
    assert realised(SCORES, [3, 3, 0, 0, 0], [0] * 5).auc is None


def test_bucket_scores() -> None:
    assert bucket_scores([0.2, 0.6], [10, 0, 4], [1.0, 0.0, 3.2]) == pytest.approx((0.1, 0.4, 0.8))
    with pytest.raises(ValueError, match="edges"):
        bucket_scores([0.5], [1, 2, 3], [1, 2, 3])


def test_too_few_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels"):
        realised(SCORES, [1, 0, 0, 0, 0], [0] * 5)


@PROPERTY
@given(counts, counts, counts)
def test_any_counts_give_finite_numbers(negatives: list[int], positives: list[int], asked: list[int]) -> None:
    if sum(negatives) + sum(positives) < 2:
        return
    found = realised(SCORES, negatives, positives, answered=asked)
    estimates = [e for e in (found.log_loss, found.brier, found.auc) if e is not None]
    assert all(np.isfinite([e.value, e.standard_error]).all() for e in estimates)


@pytest.mark.parametrize(
    ("metric", "value", "degraded", "why"),
    [
        (Metric.LOG_LOSS, 0.61, True, "beyond the bound and three errors"),
        (Metric.LOG_LOSS, 0.575, False, "beyond the bound, within three errors"),
        (Metric.LOG_LOSS, 0.43, False, "better"),
        (Metric.AUC, 0.40, True, "lower is worse"),
        (Metric.AUC, 0.61, False, "higher is better"),
    ],
)
def test_degradation(metric: Metric, value: float, degraded: bool, why: str) -> None:
    found = compare(metric, Estimate(value, 0.019), Estimate(0.521, 0.006), max_change=0.05)
    assert found.degraded is degraded, why


def test_bound_and_direction_are_part_of_the_result() -> None:
    loss = compare(Metric.LOG_LOSS, Estimate(0.61, 0.03), Estimate(0.521, 0.04), 0.05)
    assert (loss.bound, loss.standard_error) == (pytest.approx(0.571), pytest.approx(0.05))
    assert compare(Metric.AUC, Estimate(0.6, 0.0), Estimate(0.7, 0.0), 0.05).bound == pytest.approx(0.65)
    with pytest.raises(ValueError, match="negative"):
        compare(Metric.AUC, Estimate(0.6, 0.0), Estimate(0.7, 0.0), -0.1)
