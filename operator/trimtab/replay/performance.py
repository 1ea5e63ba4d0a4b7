"""Performance of a window: estimated without labels beside realised with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from trimtab.replay.counting import Counting
from trimtab.replay.exact import exact_estimate
from trimtab.replay.reference import Reference
from trimtab.replay.rows import Places
from trimtab.stats.estimated import (
    Calibration,
    EstimatedMetric,
    NotCalibrated,
    calibrate,
    estimate,
    metrics_of,
    too_coarse,
)
from trimtab.stats.performance import bucket_scores, realised
from trimtab_runtime.contract.metrics import AUC
from trimtab_runtime.contract.profile import ScoreReference

MIN_LABELS = 2


@dataclass(frozen=True)
class WindowPerformance:
    """Metrics by name; a value None = the rows could not give one. Empty: `Estimator.off` says why, or there
    are no labels."""

    labelled: int = 0
    estimated: Mapping[str, EstimatedMetric] = field(default_factory=dict)
    exact_estimated: Mapping[str, float | None] = field(default_factory=dict)
    realised: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimator:
    """`off`: why there is no estimate; empty if there is one."""

    reference: Reference
    calibration: Calibration | None
    off: str

    def of(self, counting: Counting, places: Places, *, exact: bool) -> WindowPerformance:
        if counting.answers is None:
            return WindowPerformance()
        scores = counting.window_scores(places)
        negatives, positives = counting.labels(places)
        return WindowPerformance(
            labelled=sum(negatives) + sum(positives),
            estimated=self._estimated(scores),
            exact_estimated=self._exact(counting.answers.scores[places]) if exact else {},
            realised=self._realised(negatives, positives),
        )

    @property
    def _first_positive(self) -> int:
        return first_positive(self.reference.profile.score)

    def _estimated(self, scores: tuple[int, ...]) -> Mapping[str, EstimatedMetric]:
        if self.calibration is None:
            return {}
        return estimate(
            self.calibration, scores, first_positive=self._first_positive, scores=self._bucket_scores
        )

    @property
    def _bucket_scores(self) -> tuple[float, ...]:
        score = self.reference.profile.score
        return bucket_scores(score.edges, score.counts, score.sums)

    def _exact(self, current: np.ndarray) -> Mapping[str, float | None]:
        known = self.reference.answers
        if self.calibration is None or known is None or known.labels is None:
            return {}
        threshold = self.reference.profile.score.threshold
        return exact_estimate(known.scores, known.labels, current, threshold)

    def _realised(self, negatives: list[int], positives: list[int]) -> Mapping[str, float | None]:
        """Those that can be estimated, and the losses that a monitor watches."""
        if sum(negatives) + sum(positives) < MIN_LABELS:
            return {}
        found = realised(self._bucket_scores, negatives, positives)
        losses = {"logLoss": found.log_loss.value, "brier": found.brier.value}
        metrics = metrics_of(positives, negatives, first_positive=self._first_positive)
        return MappingProxyType({**metrics, **losses})


def estimator_of(reference: Reference) -> Estimator:
    """Calibrated by the reference's labels, or the reason why not."""
    if reference.answers is None:
        return Estimator(reference, None, "without --score nothing can be estimated")
    if not reference.has_labels:
        return Estimator(reference, None, "without --label the scores cannot be calibrated")
    score = reference.profile.score
    found = calibrate(score.counts, score.positives)
    if isinstance(found, NotCalibrated):
        return Estimator(reference, None, f"NotCalibrated: {found.message}")
    coarse = too_coarse(score.counts, score.positives, reference.profile.performance[AUC])
    return Estimator(reference, None if coarse else found, coarse)


def first_positive(score: ScoreReference) -> int:
    """Index of the first bucket above the threshold, which is an edge unless it is 0 or 1."""
    if score.threshold >= 1:
        return len(score.counts)
    return int(np.searchsorted(score.edges, score.threshold, side="right"))
