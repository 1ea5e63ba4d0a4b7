"""Is a realised metric worse than the reference, by more than is allowed and by more than noise?"""

import math
from dataclasses import dataclass
from enum import StrEnum

from trimtab.stats.performance import Estimate, Performance

SIGMAS = 3.0


class Metric(StrEnum):
    """Metrics that follow from label counts."""

    LOG_LOSS = "logLoss"
    BRIER = "brier"
    AUC = "auc"

    @property
    def higher_is_better(self) -> bool:
        """Direction of the metric; the allowed change is always towards worse."""
        return self is Metric.AUC

    def of(self, performance: Performance) -> Estimate | None:
        """This metric's estimate; None where it does not exist (AUC with one class)."""
        match self:
            case Metric.LOG_LOSS:
                return performance.log_loss
            case Metric.BRIER:
                return performance.brier
            case Metric.AUC:
                return performance.auc


@dataclass(frozen=True, slots=True)
class Degradation:
    """Result of `compare`. `bound` is the last tolerated value; `sigmas` is signed, positive means worse."""

    metric: Metric
    value: float
    reference: float
    bound: float
    standard_error: float  # of the difference: window and reference combined
    sigmas: float
    degraded: bool


def compare(metric: Metric, current: Estimate, reference: Estimate, max_change: float) -> Degradation:
    """Degraded = worse than the reference by more than `max_change` **and** by more than 3 standard errors.

    The standard error is that of the difference, sqrt(se_current^2 + se_reference^2): the reference is a
    sample too. `max_change` is in the metric's unit.

    Raises ValueError for a negative max_change.
    """
    if max_change < 0:
        raise ValueError("max_change must not be negative")
    sign = -1.0 if metric.higher_is_better else 1.0
    worse = sign * (current.value - reference.value)
    error = math.hypot(current.standard_error, reference.standard_error)
    return Degradation(
        metric=metric,
        value=current.value,
        reference=reference.value,
        bound=reference.value + sign * max_change,
        standard_error=error,
        sigmas=worse / error if error else math.copysign(math.inf, worse) if worse else 0.0,
        degraded=worse > max_change and worse > SIGMAS * error,
    )
