"""The evaluation stage: one winner against one champion on identical rows, then the gates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trimtab.apis.v1alpha1.experiment_status import (
    EvaluationStatus,
    GateStatus,
)
from trimtab.experiment import build, gates
from trimtab.experiment.champion import champion_of
from trimtab.experiment.observed import ExperimentObserved, JobObserved, Problem
from trimtab.experiment.outcome import REGISTERING_MESSAGE, Decision, fail, progress
from trimtab.experiment.reasons import Reason
from trimtab.experiment.results import judge_evaluation
from trimtab.experiment.stages import winner_of
from trimtab.model import names
from trimtab.model.numbers import shown
from trimtab.model.plan import Create
from trimtab_runtime.contract.message import EvaluationResult

ATTEMPTS_LIMIT = 3


def choose_champion(observed: ExperimentObserved, now: datetime) -> Decision:
    """Resolve the champion once, from a live read, before the evaluation Job exists."""
    if observed.versions is None:
        return Decision(observed.status)
    named = observed.spec.evaluation.champion
    champion = champion_of(observed.versions, observed.deployments, named.deployment if named else None)
    if isinstance(champion, Problem):
        return fail(observed.status, "Failed", champion.reason, champion.message, now)
    evaluation = EvaluationStatus(
        data_digest=build.evaluation_entry(observed).digest,
        champion=champion,
    )
    return _evaluating(observed, evaluation)


def decide(observed: ExperimentObserved, now: datetime) -> Decision:
    evaluation = observed.status.evaluation
    if evaluation is None:
        raise AssertionError("the stage before writes status.evaluation")
    job = observed.jobs.get(names.evaluation_job(observed.name, evaluation.attempt))
    match job:
        case None if evaluation.phase == "Running":
            return _restart(observed, evaluation, "Job vanished", now)
        case None:
            create = build.evaluation_job(observed, winner_of(observed.status), evaluation)
            return _evaluating(observed, evaluation, children=(create,))
        case JobObserved(state="Active"):
            return _evaluating(observed, evaluation.model_copy(update={"phase": "Running"}), job=job)
        case JobObserved(state="Succeeded", message=None) if evaluation.attempt < ATTEMPTS_LIMIT:
            # Unlike a trial's, an evaluation's result lies nowhere else: it is computed again.
            return _restart(observed, evaluation, "Job's pod vanished", now)
        case JobObserved():
            return _harvest(observed, evaluation, job, now)


def _harvest(
    observed: ExperimentObserved, evaluation: EvaluationStatus, job: JobObserved, now: datetime
) -> Decision:
    result = judge_evaluation(job, attempt=evaluation.attempt, data_digest=evaluation.data_digest)
    if isinstance(result, Problem):
        ended = evaluation.model_copy(update={"phase": "Failed"})
        status = observed.status.model_copy(update={"evaluation": ended})
        return fail(status, "Failed", result.reason, f"evaluation: {result.message}", now)
    return _judge(observed, evaluation, result, now)


def _judge(
    observed: ExperimentObserved, evaluation: EvaluationStatus, result: EvaluationResult, now: datetime
) -> Decision:
    has_champion = evaluation.champion is not None
    verdicts = tuple(
        gates.judge(gate, result, has_champion=has_champion) for gate in observed.spec.evaluation.gates
    )
    measured = evaluation.model_copy(
        update={
            "phase": "Succeeded",
            "rows": result.rows,
            "metrics": {name: shown(value) for name, value in sorted(result.metrics.items())},
        }
    )
    status = observed.status.model_copy(update={"evaluation": measured, "gates": verdicts})
    text = "; ".join(gates.describe(verdict) for verdict in verdicts)
    failed = [verdict for verdict in verdicts if verdict.verdict != "Pass"]
    if failed:
        return fail(status, "GateFailed", _failure_reason(failed), text, now)
    return progress(status, "Registering", Reason.REGISTERING, REGISTERING_MESSAGE).note(
        "gates", Reason.GATES_PASSED, text, now
    )


def _failure_reason(failed: Sequence[GateStatus]) -> Reason:
    invalid = any(verdict.verdict == "Invalid" for verdict in failed)
    return Reason.GATE_INVALID if invalid else Reason.GATE_FAILED


def _restart(
    observed: ExperimentObserved, evaluation: EvaluationStatus, what: str, now: datetime
) -> Decision:
    """The Job, or the pod that held its result, vanished (by a live read) before the result was stored."""
    again = evaluation.model_copy(update={"attempt": evaluation.attempt + 1, "phase": "Pending"})
    text = f"the evaluation {what} before its result was stored; attempt {again.attempt}"
    return _evaluating(observed, again).note(
        f"evaluation-attempt-{again.attempt}", Reason.EVALUATION_RESTARTED, text, now, warning=True
    )


def _evaluating(
    observed: ExperimentObserved,
    evaluation: EvaluationStatus,
    *,
    job: JobObserved | None = None,
    children: tuple[Create, ...] = (),
) -> Decision:
    status = observed.status.model_copy(update={"evaluation": evaluation})
    if job is not None and job.waiting is not None:
        return progress(status, "Evaluating", job.waiting.reason, job.waiting.message)
    none = "no champion: the model has no approved version"
    champion = evaluation.champion.model_version if evaluation.champion else none
    message = f"trial {status.winner} against {champion}"
    return progress(status, "Evaluating", Reason.EVALUATING, message, children=children)
