"""CBPE: what it estimates, how sure it is, and when it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trimtab.stats.estimated import (
    ACCURACY,
    AUC,
    LOG_LOSS,
    METRICS,
    Calibration,
    NotCalibrated,
    calibrate,
    estimate,
    metrics_of,
    too_coarse,
)
from trimtab.stats.performance import realised
from trimtab_runtime.scoring import auc

EDGES = np.linspace(0.05, 0.95, 19)
FIRST = 10


def drawn(seed: int, rows: int, tilt: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores that are true probabilities, and labels by them."""
    draw = np.random.default_rng(seed)
    scores = draw.beta(1.2 * tilt, 2.5, size=rows)
    return scores, (draw.random(rows) < scores).astype(np.float64)


def counted(
    scores: NDArray[np.float64], labels: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.searchsorted(EDGES, scores)
    counts = np.bincount(places, minlength=20)
    return counts, np.bincount(places, labels, 20).astype(np.int64)


def calibrated(seed: int, rows: int = 5000) -> Calibration:
    found = calibrate(*counted(*drawn(seed, rows)))
    assert isinstance(found, Calibration)
    return found


def test_metrics_of_a_known_table() -> None:
    """2 and 1 positives, 1 and 3 negatives, predicted positive above: by hand."""
    found = metrics_of([1, 2], [3, 1], first_positive=1)
    assert found == pytest.approx(
        {"auc": (2 * 3 + 0.5 * (1 * 3 + 2 * 1)) / 12, "f1": 4 / 6, "precision": 2 / 3, "recall": 2 / 3}
        | {"accuracy": 5 / 7}
    )


def test_auc_is_that_of_rows() -> None:
    scores, labels = drawn(1, 500)
    order = np.argsort(scores)
    found = metrics_of(labels[order], 1 - labels[order], first_positive=0)
    assert found[AUC] == pytest.approx(auc(labels, scores))


@given(rates=st.lists(st.floats(0, 1), min_size=20, max_size=20), seed=st.integers(0, 1000))
def test_a_calibration_never_falls(rates: list[float], seed: int) -> None:
    draw = np.random.default_rng(seed)
    counts = draw.integers(0, 400, size=20)
    positives = draw.binomial(counts, rates)
    found = calibrate(counts, positives)
    if isinstance(found, Calibration):
        assert list(found.rates) == sorted(found.rates)
        assert sum(found.rows) == counts.sum()
        expected = float(np.dot(counts, found.rates))
        assert expected == pytest.approx(positives.sum(), rel=1e-9), "as many positives as there were"
    else:
        assert counts.sum() < 1000 or min(positives.sum(), counts.sum() - positives.sum()) < 100


def test_estimates_hold_within_their_errors() -> None:
    """2,000 windows of other rows over 100 references, at 3 standard errors: at most 1 % outside."""
    outside: dict[str, int] = dict.fromkeys(METRICS, 0)
    windows = 0
    for reference in range(100):
        calibration = calibrated(reference, rows=3000)
        for window in range(20):
            seed = 10_000 + 100 * reference + window
            counts, positives = counted(*drawn(seed, 800, tilt=0.5 + window / 20))
            truth = metrics_of(positives, counts - positives, first_positive=FIRST)
            windows += 1
            for name, found in estimate(calibration, counts, first_positive=FIRST).items():
                value, real = found.value, truth[name]
                if value is not None and real is not None:
                    outside[name] += abs(value - real) > 3 * found.standard_error
    assert max(outside.values()) <= 0.01 * windows, outside


def test_errors_are_no_larger_than_they_must_be() -> None:
    """Errors that cover everything would be worth nothing: z of accuracy and AUC has a spread near 1."""
    found: dict[str, list[float]] = {AUC: [], ACCURACY: []}
    for seed in range(300):
        calibration = calibrated(seed, rows=3000)
        counts, positives = counted(*drawn(20_000 + seed, 800))
        truth = metrics_of(positives, counts - positives, first_positive=FIRST)
        estimated = estimate(calibration, counts, first_positive=FIRST)
        for name, values in found.items():
            value, real = estimated[name].value, truth[name]
            assert value is not None and real is not None
            values.append((value - real) / estimated[name].standard_error)
    for name, values in found.items():
        assert 0.75 < np.std(values) < 1.25, name


def test_log_loss_holds_within_its_errors() -> None:
    """300 windows: the spread of z is near 1."""
    centres, found = np.linspace(0.025, 0.975, 20), []
    for seed in range(300):
        counts, positives = counted(*drawn(30_000 + seed, 800))
        estimated = estimate(
            calibrated(seed, rows=3000), counts, first_positive=FIRST, scores=centres.tolist()
        )
        truth = realised(centres.tolist(), counts - positives, positives).log_loss.value
        value = estimated[LOG_LOSS].value
        assert value is not None
        found.append((value - truth) / estimated[LOG_LOSS].standard_error)
    assert 0.75 < np.std(found) < 1.25


def test_more_rows_lessen_the_sampling_error_alone() -> None:
    calibration = calibrated(1)
    counts, _ = counted(*drawn(2, 1000))
    few, many = (estimate(calibration, counts * times, first_positive=FIRST) for times in (1, 100))
    for name in METRICS:
        assert many[name].sampling_error == pytest.approx(few[name].sampling_error / 10)
        assert many[name].calibration_error == pytest.approx(few[name].calibration_error)


def test_concept_drift_is_not_seen() -> None:
    """Labels without any relation to the score: the estimate stays, as its page says."""
    calibration = calibrated(1)
    scores, _ = drawn(3, 5000)
    counts, _ = counted(scores, np.zeros(len(scores)))
    assert estimate(calibration, counts, first_positive=FIRST)[AUC].value == pytest.approx(0.78, abs=0.05)


def test_a_window_without_a_row_gives_no_number() -> None:
    found = estimate(calibrated(1), [0] * 20, first_positive=FIRST)
    assert {metric.value for metric in found.values()} == {None}


def test_too_few_rows_calibrate_nothing() -> None:
    assert calibrate([400, 400], [100, 200]) == NotCalibrated(
        "800 of 1000 held-out rows that a calibration needs"
    )
    rare = calibrate([5000, 5000], [20, 79])
    assert rare == NotCalibrated("99 of 100 held-out rows of the rarer class that a calibration needs")


def test_coarse_buckets_are_found_out() -> None:
    assert too_coarse([50, 50], [10, 40], exact_auc=0.8) == ""
    assert "0.9000 by exact scores and 0.8000 by buckets" in too_coarse([50, 50], [10, 40], exact_auc=0.9)


def test_malformed_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="at most its rows"):
        calibrate([1000, 1000], [200, 1001])
    with pytest.raises(ValueError, match="calibrated for 20 buckets, got 3"):
        estimate(calibrated(1), [1, 2, 3], first_positive=1)
