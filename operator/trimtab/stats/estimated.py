"""Confidence-based performance estimation (CBPE): what performance would be, without a label, by the scores.

A calibrated score is the probability of a positive, so rows in score buckets give an expected confusion
matrix (the idea of NannyML, https://nannyml.readthedocs.io/en/stable/how_it_works/performance_estimation.html).
It sees that other rows come, and is blind to another relation of rows and labels (concept drift).

Calibrated on held-out rows: learnt on training rows it said AUC 0.835 where 0.745 was real.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from trimtab.stats.counts import Counts, as_counts
from trimtab.stats.performance import SCORE_CLIP

Vector = NDArray[np.float64]

AUC, F1, PRECISION, RECALL, ACCURACY = METRICS = ("auc", "f1", "precision", "recall", "accuracy")
LOG_LOSS: Final = "logLoss"
MIN_ROWS: Final = 1000
MIN_OF_A_CLASS: Final = 100
MAX_AUC_GAP: Final = 0.005


@dataclass(frozen=True, slots=True)
class Calibration:
    """The probability of a positive by score bucket (`rates`), and how well it is known: each bucket belongs
    to a block of pooled ones (`blocks`), whose rate comes from that many held-out `rows`.
    """

    rates: tuple[float, ...]
    blocks: tuple[int, ...]
    rows: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NotCalibrated:
    """Why scores cannot be taken for probabilities."""

    message: str


@dataclass(frozen=True, slots=True)
class EstimatedMetric:
    """A metric in its own unit, None where no row could give it, and two standard errors.

    `sampling_error`: of the labels that these rows would get. `calibration_error`: of the calibration, which
    was learnt from a finite reference; more rows in the window do not lessen it.
    """

    value: float | None
    sampling_error: float
    calibration_error: float

    @property
    def standard_error(self) -> float:
        return math.hypot(self.sampling_error, self.calibration_error)


def calibrate(counts: Counts, positives: Counts) -> Calibration | NotCalibrated:
    """Isotonic calibration of score buckets by held-out rows (pool adjacent violators; Zadrozny and Elkan,
    2002). A bucket without rows gets the rate of the nearest one with rows, of equally near ones the lower.

    Raises ValueError for malformed counts, different lengths or more positives than rows.
    """
    rows, hits = np.asarray(as_counts(counts)), np.asarray(as_counts(positives))
    if rows.shape != hits.shape or (hits > rows).any():
        raise ValueError("positives must have one entry per bucket, and at most its rows")
    if rows.sum() < MIN_ROWS:
        return NotCalibrated(f"{rows.sum():.0f} of {MIN_ROWS} held-out rows that a calibration needs")
    rarer = min(hits.sum(), (rows - hits).sum())
    if rarer < MIN_OF_A_CLASS:
        return NotCalibrated(
            f"{rarer:.0f} of {MIN_OF_A_CLASS} held-out rows of the rarer class that a calibration needs"
        )
    known = np.flatnonzero(rows)
    fit = scipy.optimize.isotonic_regression(hits[known] / rows[known], weights=rows[known])
    block_of_known = np.repeat(np.arange(len(fit.blocks) - 1), np.diff(fit.blocks))
    nearest = np.abs(np.arange(rows.size)[:, None] - known[None, :]).argmin(axis=1)
    weights = np.add.reduceat(rows[known], fit.blocks[:-1])
    return Calibration(
        rates=tuple(np.clip(fit.x, 0.0, 1.0)[nearest].tolist()),
        blocks=tuple(block_of_known[nearest].tolist()),
        rows=tuple(weights.tolist()),
    )


def too_coarse(counts: Counts, positives: Counts, exact_auc: float) -> str:
    """Why buckets cannot stand for these scores: their AUC is not that of the exact ones. Empty: they can."""
    rows, hits = np.asarray(as_counts(counts)), np.asarray(as_counts(positives))
    bucketed = _auc(hits, rows - hits)
    if bucketed is None or abs(bucketed - exact_auc) <= MAX_AUC_GAP:
        return ""
    return f"AUC of the reference is {exact_auc:.4f} by exact scores and {bucketed:.4f} by buckets"


def estimate(
    calibration: Calibration,
    counts: Counts,
    *,
    first_positive: int,
    scores: Sequence[float] = (),
) -> Mapping[str, EstimatedMetric]:
    """The METRICS of rows counted by score bucket, should the relation of score and label hold; with the mean
    scores of the buckets also LOG_LOSS, in nats.

    `first_positive`: index of the first bucket that is predicted positive. Errors by the delta method: a
    bucket's positives are binomial (m, rate), a block's rate has the variance rate (1 - rate) / rows.

    Raises ValueError for malformed counts or another number of buckets.
    """
    rows, rates = np.asarray(as_counts(counts)), np.asarray(calibration.rates)
    if rows.shape != rates.shape:
        raise ValueError(f"calibrated for {rates.size} buckets, got {rows.size}")
    wanted = (*METRICS, LOG_LOSS) if len(scores) else METRICS
    if not rows.any():
        return MappingProxyType({name: EstimatedMetric(None, 0.0, 0.0) for name in wanted})
    positives = rows * rates
    values = metrics_of(positives, rows - positives, first_positive=first_positive)
    slopes = _slopes(positives, rows - positives, first_positive)
    if len(scores):
        values[LOG_LOSS], slopes[LOG_LOSS] = _log_loss(positives, rows - positives, scores)
    return MappingProxyType(
        {name: _with_errors(values[name], slopes[name], rows, calibration) for name in wanted}
    )


def _with_errors(
    value: float | None, slope: Vector, rows: Vector, calibration: Calibration
) -> EstimatedMetric:
    """`slope`: what the metric gains per further positive of a bucket."""
    rates, blocks = np.asarray(calibration.rates), np.asarray(calibration.blocks)
    variance = rates * (1 - rates)
    of_block = np.zeros(len(calibration.rows))
    of_block[blocks] = variance / np.asarray(calibration.rows)[blocks]
    moved = np.bincount(blocks, slope * rows, len(calibration.rows))
    return EstimatedMetric(
        value=value,
        sampling_error=math.sqrt(float((slope**2 * rows * variance).sum())),
        calibration_error=math.sqrt(float((moved**2 * of_block).sum())),
    )


def _log_loss(positives: Vector, negatives: Vector, scores: Sequence[float]) -> tuple[float, Vector]:
    p = np.clip(np.asarray(scores, dtype=np.float64), SCORE_CLIP, 1 - SCORE_CLIP)
    of_positive, of_negative = -np.log(p), -np.log1p(-p)
    rows = float(positives.sum() + negatives.sum())
    value = float((positives * of_positive + negatives * of_negative).sum()) / rows
    return value, (of_positive - of_negative) / rows


def metrics_of(
    positives: Sequence[float] | Vector, negatives: Sequence[float] | Vector, *, first_positive: int
) -> dict[str, float | None]:
    """The METRICS of positives and negatives (whole or expected) by ascending score, those from
    `first_positive` on predicted positive. None where no row could give one."""
    right, wrong = np.asarray(positives, dtype=np.float64), np.asarray(negatives, dtype=np.float64)
    hit, false_alarm, missed = (
        right[first_positive:].sum(),
        wrong[first_positive:].sum(),
        right[:first_positive].sum(),
    )
    return {
        AUC: _auc(right, wrong),
        F1: _ratio(2 * hit, 2 * hit + false_alarm + missed),
        PRECISION: _ratio(hit, hit + false_alarm),
        RECALL: _ratio(hit, hit + missed),
        ACCURACY: _ratio(hit + wrong[:first_positive].sum(), right.sum() + wrong.sum()),
    }


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _auc(positives: Vector, negatives: Vector) -> float | None:
    """P(score of a positive > score of a negative), rows of one bucket tied (Hanley and McNeil, 1982)."""
    pairs = float(positives.sum() * negatives.sum())
    beats = np.cumsum(negatives) - negatives / 2
    return float((positives * beats).sum() / pairs) if pairs > 0 else None


def _slopes(positives: Vector, negatives: Vector, first: int) -> dict[str, Vector]:
    """By how much each metric changes per row of a bucket that is a positive instead of a negative; of a
    metric that has a value (quotient rule).
    """
    predicted = (np.arange(positives.size) >= first).astype(np.float64)
    found = metrics_of(positives, negatives, first_positive=first)
    values = {name: value or 0.0 for name, value in found.items()}
    of_class, others = float(positives.sum()), float(negatives.sum())
    hit = float(positives[first:].sum())
    predicted_rows = hit + float(negatives[first:].sum())
    won = np.cumsum(negatives) - negatives / 2
    lost = of_class - np.cumsum(positives) + positives / 2
    pairs, tilt = of_class * others, values[AUC] * (others - of_class)
    return {
        AUC: _over(won - lost - tilt, pairs),
        F1: _over(2 * predicted - values[F1], predicted_rows + of_class),
        PRECISION: _over(predicted, predicted_rows),
        RECALL: _over(predicted - values[RECALL], of_class),
        ACCURACY: _over(2 * predicted - 1, of_class + others),
    }


def _over(numerator: Vector, denominator: float) -> Vector:
    return numerator / denominator if denominator > 0 else np.zeros_like(numerator)
