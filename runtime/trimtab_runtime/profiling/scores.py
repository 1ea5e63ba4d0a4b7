"""Buckets of the score from the reference rows: for drift, realised performance and canary analysis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trimtab_runtime.contract.profile import PERFORMANCE_METRICS, ScoreReference
from trimtab_runtime.scoring import METRICS, THRESHOLD

Floats = npt.NDArray[np.float64]

EQUAL_WIDTH_BUCKETS = 24
# Deciles and a bit in the middle, more at the tails: rare events live there.
_TAIL = (0.001, 0.005, 0.01, 0.02, 0.05)
QUANTILES = (*_TAIL, *np.linspace(0.1, 0.9, 14).tolist(), *(1 - tail for tail in reversed(_TAIL)))


def score_edges(scores: Floats, threshold: float = THRESHOLD) -> tuple[float, ...]:
    """Union of the interior edges of 24 equal widths, 24 reference quantiles, and the threshold."""
    widths = np.arange(1, EQUAL_WIDTH_BUCKETS) / EQUAL_WIDTH_BUCKETS
    quantiles = np.quantile(scores, QUANTILES)
    edges = np.unique(np.concatenate([widths, quantiles, [threshold]]))
    return tuple(edges[(edges > 0) & (edges < 1)].tolist())


def score_reference(labels: Floats, scores: Floats, threshold: float = THRESHOLD) -> ScoreReference:
    """Rows, positives and sums of scores per bucket (a, b]."""
    edges = score_edges(scores, threshold)
    places, size = np.searchsorted(edges, scores, side="left"), len(edges) + 1
    return ScoreReference(
        edges=edges,
        counts=tuple(np.bincount(places, minlength=size).tolist()),
        positives=tuple(np.bincount(places, labels, size).astype(int).tolist()),
        sums=tuple(np.bincount(places, scores, size).tolist()),
        threshold=threshold,
    )


def performance(labels: Floats, scores: Floats) -> dict[str, float]:
    """Exact log loss, Brier score and AUC on the reference rows."""
    return {name: METRICS[name](labels, scores, None) for name in PERFORMANCE_METRICS}
