"""Two models on the same rows: paired difference of a metric and its bootstrap interval. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .contract.message import Comparison
from .contract.metrics import ACCURACY, AUC, BRIER, EVALUATION_METRICS, LOG_LOSS, improvement
from .scoring import METRICS, THRESHOLD, Floats, log_losses, ranked_auc

REPLICATES = 2000
LEVEL = 0.95

Groups = npt.NDArray[np.intp]


@dataclass(frozen=True)
class _Side:
    """One model's scores, prepared so that a replicate costs sums only."""

    scores: Floats
    ranks: Groups
    sums: dict[str, Floats]  # metric that is a mean over rows -> its sum per group


def compare(
    labels: Floats, challenger: Floats, champion: Floats, groups: Groups, *, seed: int
) -> tuple[Comparison, ...]:
    """Compare by each evaluation metric. `groups` are dense group numbers, one per row.

    The interval is the percentile interval (Efron, 1979) of the difference over 2,000 samples of whole groups
    with replacement: rows of a group are not independent (Field and Welsh, 2007, cluster bootstrap). Both
    models are measured on the same sample. It is None with fewer than two groups, or if more than half of the
    samples leave a single class for AUC. With few groups it is wide, and still too narrow.
    """
    sides = [_prepare(labels, scores, groups) for scores in (challenger, champion)]
    number = int(groups.max()) + 1
    drawn = _bootstrap(sides, labels, groups, number, seed) if number > 1 else {}
    return tuple(
        _comparison(metric, labels, sides, drawn.get(metric), number) for metric in EVALUATION_METRICS
    )


def _comparison(
    metric: str, labels: Floats, sides: Sequence[_Side], drawn: Floats | None, groups: int
) -> Comparison:
    ours, theirs = (METRICS[metric](labels, side.scores, None) for side in sides)
    return Comparison(
        metric=metric,
        challenger=ours,
        champion=theirs,
        difference=improvement(metric, ours, theirs),
        interval=None if drawn is None else _interval(drawn),
        groups=groups,
    )


def _interval(drawn: Floats) -> tuple[float, float] | None:
    known = drawn[np.isfinite(drawn)]
    if 2 * len(known) < len(drawn):
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _prepare(labels: Floats, scores: Floats, groups: Groups) -> _Side:
    per_row: dict[str, Floats] = {
        LOG_LOSS: log_losses(labels, scores),
        BRIER: (scores - labels) ** 2,
        ACCURACY: ((scores > THRESHOLD) == (labels == 1)).astype(np.float64),
    }
    _, ranks = np.unique(scores, return_inverse=True)
    return _Side(scores, ranks, {name: _sums(groups, rows) for name, rows in per_row.items()})


def _sums(groups: Groups, rows: Floats) -> Floats:
    return np.bincount(groups, rows).astype(np.float64)


def _bootstrap(
    sides: Sequence[_Side], labels: Floats, groups: Groups, number: int, seed: int
) -> dict[str, Floats]:
    """Improvement per metric and replicate."""
    generator = np.random.default_rng(seed)
    sizes = np.bincount(groups, minlength=number)
    result = {metric: np.empty(REPLICATES) for metric in EVALUATION_METRICS}
    for replicate in range(REPLICATES):
        times = np.bincount(generator.integers(number, size=number), minlength=number).astype(np.float64)
        rows = float(times @ sizes)
        for metric in EVALUATION_METRICS:
            if metric == AUC:
                ours, theirs = (ranked_auc(side.ranks, labels, times[groups]) for side in sides)
            else:
                ours, theirs = (float(times @ side.sums[metric]) / rows for side in sides)
            result[metric][replicate] = improvement(metric, ours, theirs)
    return result
