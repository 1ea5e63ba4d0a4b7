"""Realised performance from counts of (score bucket, label): log loss, Brier score and ROC AUC.

No row is needed: the score of a row is taken as the reference mean score of its bucket, and rows of one
bucket are ties in the ranking. Compare with the reference computed by the same functions, never with a
metric of exact scores.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trimtab.stats.counts import Counts, as_counts

Vector = NDArray[np.float64]

# A score of exactly 0 or 1 would make one wrong label cost infinitely much.
SCORE_CLIP = 1e-6


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric and its standard error, in the metric's own unit."""

    value: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Performance:
    """Result of `realised`. Log loss in nats, Brier and AUC in [0, 1]; `auc` None if one class is absent."""

    log_loss: Estimate
    brier: Estimate
    auc: Estimate | None
    labelled: int
    labelled_share: float | None  # of all answered rows; None if the answered rows were not given
    covered: float  # share of answered rows whose bucket has a label; 1.0 if answered was not given
    over_labelled: tuple[int, ...]  # buckets with more labels than answers: duplicates, the window is void


def bucket_scores(edges: Sequence[float], counts: Counts, sums: Sequence[float]) -> tuple[float, ...]:
    """Mean reference score per bucket, sums / counts; the middle of an empty bucket, in [0, 1].

    `edges` are the B - 1 inner edges, ascending. Raises ValueError if the lengths do not fit.
    """
    rows, totals = _vector(counts), np.asarray(sums, dtype=np.float64)
    bounds = np.asarray((0.0, *edges, 1.0))
    if not rows.size == totals.size == bounds.size - 1:
        raise ValueError(f"{len(edges)} edges need {len(edges) + 1} counts and sums")
    middles = (bounds[:-1] + bounds[1:]) / 2
    means = np.divide(totals, rows, out=middles, where=rows > 0)
    return tuple(float(mean) for mean in np.clip(means, 0.0, 1.0))


def realised(
    scores: Sequence[float], negatives: Counts, positives: Counts, *, answered: Counts | None = None
) -> Performance:
    """Metrics of the labelled rows, each with its standard error.

    `scores`, `negatives`, `positives`, `answered`: per bucket, same order; the score is the probability of
    the positive class. With `answered` (rows answered, labelled or not) each labelled row weighs
    answered / labelled of its bucket, so a bucket whose labels come back more often does not count more.

    Standard errors come from the influence function of the weighted metric, sqrt(sum w^2 IF^2) n / (n - 1);
    for the AUC with unit weights that is DeLong's (DeLong, DeLong and Clarke-Pearson, Biometrics 1988),
    ties counting half.

    Raises ValueError for malformed counts, different lengths or fewer than 2 labels.
    """
    wrong, right = _vector(negatives), _vector(positives)
    p = np.clip(np.asarray(scores, dtype=np.float64), SCORE_CLIP, 1 - SCORE_CLIP)
    if not p.shape == wrong.shape == right.shape:
        raise ValueError("scores, negatives and positives must have one entry per bucket")
    labelled = wrong + right
    if labelled.sum() < 2:
        raise ValueError("performance needs at least 2 labels")
    asked = labelled if answered is None else _vector(answered)
    weight = np.divide(asked, labelled, out=np.zeros_like(p), where=labelled > 0)
    if not (weight * labelled).any():
        weight = np.ones_like(p)  # labels only in buckets without answers: void anyway, see over_labelled
    return Performance(
        log_loss=_mean_loss(-np.log1p(-p), -np.log(p), wrong, right, weight),
        brier=_mean_loss(p**2, (1 - p) ** 2, wrong, right, weight),
        auc=_auc(wrong, right, weight),
        labelled=int(labelled.sum()),
        labelled_share=None if answered is None else _share(labelled.sum(), asked.sum()),
        covered=_share(asked[labelled > 0].sum(), asked.sum()),
        over_labelled=tuple(int(bucket) for bucket in np.flatnonzero(labelled > asked)),
    )


def _vector(counts: Counts) -> Vector:
    return np.asarray(as_counts(counts))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def _mean_loss(
    loss_negative: Vector, loss_positive: Vector, wrong: Vector, right: Vector, weight: Vector
) -> Estimate:
    total = float((weight * (wrong + right)).sum())
    mean = float((weight * (wrong * loss_negative + right * loss_positive)).sum()) / total
    spread = weight**2 * (wrong * (loss_negative - mean) ** 2 + right * (loss_positive - mean) ** 2)
    rows = float((wrong + right).sum())
    return Estimate(mean, math.sqrt(float(spread.sum()) * rows / (rows - 1)) / total)


def _auc(wrong: Vector, right: Vector, weight: Vector) -> Estimate | None:
    low, high = weight * wrong, weight * right
    if not (low.any() and high.any()):
        return None
    # Placement of a bucket: the share of the other class that it beats, ties half.
    beats = (np.cumsum(low) - low / 2) / low.sum()
    beaten = 1 - (np.cumsum(high) - high / 2) / high.sum()
    auc = float((high * beats).sum() / high.sum())
    variance = _placement_variance(right, weight, beats - auc) + _placement_variance(
        wrong, weight, beaten - auc
    )
    return Estimate(auc, math.sqrt(variance))


def _placement_variance(rows: Vector, weight: Vector, deviation: Vector) -> float:
    count = float(rows.sum())
    if count < 2:
        return 0.25  # one row of a class: nothing is known about its spread, take the largest there is
    spread = float((rows * (weight * deviation) ** 2).sum())
    return spread / float((weight * rows).sum()) ** 2 * count / (count - 1)
