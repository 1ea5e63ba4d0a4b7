"""Metrics of probabilities against binary labels, with row weights. Pure numpy, exact.

`labels` are 0 or 1, `scores` probabilities of 1, `weights` non-negative (None: each row counts once).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from .contract.metrics import ACCURACY, AUC, BRIER, LOG_LOSS

Floats = npt.NDArray[np.float64]

THRESHOLD = 0.5
_EPSILON = float(np.finfo(np.float64).eps)  # the clip of sklearn.metrics.log_loss


def log_loss(labels: Floats, scores: Floats, weights: Floats | None = None) -> float:
    """Mean of -ln p(label), natural logarithm; scores are clipped to [eps, 1 - eps]."""
    return float(np.average(log_losses(labels, scores), weights=weights))


def log_losses(labels: Floats, scores: Floats) -> Floats:
    """Log loss of each row."""
    clipped = np.clip(scores, _EPSILON, 1 - _EPSILON)
    return -np.log(np.where(labels == 1, clipped, 1 - clipped))


def brier(labels: Floats, scores: Floats, weights: Floats | None = None) -> float:
    """Mean squared difference of probability and outcome (Brier, 1950, binary form)."""
    return float(np.average((scores - labels) ** 2, weights=weights))


def accuracy(labels: Floats, scores: Floats, weights: Floats | None = None) -> float:
    """Share of rows whose label is what `score > 0.5` says."""
    return float(np.average((scores > THRESHOLD) == (labels == 1), weights=weights))


def auc(labels: Floats, scores: Floats, weights: Floats | None = None) -> float:
    """Area under the ROC curve = P(score of a positive > score of a negative), ties count half.

    Mann-Whitney form (Hanley and McNeil, 1982); NaN when the weights leave only one class.
    """
    _, ranks = np.unique(scores, return_inverse=True)
    return ranked_auc(ranks, labels, np.ones_like(scores) if weights is None else weights)


def ranked_auc(ranks: npt.NDArray[np.intp], labels: Floats, weights: Floats) -> float:
    """`auc` of scores given as dense ranks, so that many weightings share one sort."""
    size = int(ranks.max()) + 1
    positive = np.bincount(ranks, weights * labels, size)
    negative = np.bincount(ranks, weights * (1 - labels), size)
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        return float("nan")
    below = np.cumsum(negative) - negative
    return float(np.sum(positive * (below + negative / 2)) / pairs)


METRICS: Mapping[str, Callable[[Floats, Floats, Floats | None], float]] = {
    LOG_LOSS: log_loss,
    BRIER: brier,
    AUC: auc,
    ACCURACY: accuracy,
}
