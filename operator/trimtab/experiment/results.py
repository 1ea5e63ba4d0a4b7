"""What a finished trial Job means: one place that turns Job, message and registry into an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.experiment.observed import JobObserved, Problem
from trimtab.experiment.reasons import Reason
from trimtab_runtime.contract.message import EvaluationResult, Failure, TrialResult

MAX_STATUS_METRICS = 16


@dataclass(frozen=True)
class TrialOutcome:
    """A trial that succeeded."""

    manifest_digest: str
    metrics: Mapping[str, float]
    objective: float
    image: str


def judge_trial(job: JobObserved, *, attempt: int, objective: str, image: str) -> TrialOutcome | Problem:
    """Outcome of a Job that ended. ``image`` is the spec's, used when it is pinned itself."""
    if job.state == "Failed":
        return job.failure or Problem(Reason.JOB_FAILED, "the Job failed and its pods are gone", False)
    result = _trial_result(job, attempt)
    if isinstance(result, Problem):
        return result
    if objective not in result.metrics:
        return _invalid("metrics", f"does not hold the objective {objective}")
    pinned = job.image or (image if "@sha256:" in image else "")
    if not pinned:
        return Problem(
            Reason.IMAGE_UNKNOWN,
            "the pod vanished before its image digest was recorded; name spec.trial.image by digest",
            False,
        )
    return TrialOutcome(result.manifest_digest, result.metrics, result.metrics[objective], pinned)


def judge_evaluation(job: JobObserved, *, attempt: int, data_digest: str) -> EvaluationResult | Problem:
    """Outcome of an evaluation Job that ended."""
    if job.state == "Failed":
        return job.failure or Problem(Reason.JOB_FAILED, "the Job failed and its pods are gone", False)
    match job.message:
        case EvaluationResult() as result if (result.attempt, result.data_digest) == (attempt, data_digest):
            return result
        case EvaluationResult():
            return _invalid("evaluation", "is of another attempt or of other data")
        case Problem() as problem:
            return problem
        case None:
            return Problem(Reason.RESULT_MISSING, "the Job succeeded but its pod and result are gone", False)
        case _:
            return _invalid("", "is not an evaluation result")


def _trial_result(job: JobObserved, attempt: int) -> TrialResult | Problem:
    match job.message:
        case TrialResult() as result if result.attempt == attempt:
            return result
        case Failure() as failure:
            return describe(failure)
        case TrialResult() | EvaluationResult():
            return _invalid("attempt", "is not this trial's")
        case Problem() as problem if job.recovered is None:
            return problem
    if job.recovered is not None:
        return TrialResult(attempt, job.recovered.manifest_digest, job.recovered.metrics)
    return Problem(
        Reason.RESULT_MISSING, "the Job succeeded but left neither a result nor an artifact", False
    )


def describe(failure: Failure) -> Problem:
    """A container's own report as a problem: its reason, and the field it names."""
    message = f"{failure.field}: {failure.message}" if failure.field else failure.message
    return Problem(str(failure.reason), message, False)


def _invalid(field: str, message: str) -> Problem:
    return Problem(Reason.RESULT_INVALID, f"{field}: {message}" if field else message, False)
