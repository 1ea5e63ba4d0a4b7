"""One pass over a candidate as a record, and the ways in which it may end: stay, or enter another step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side, StepStatus, WeightStatus
from trimtab.deployment import abort
from trimtab.deployment.analysis import MetricVerdict
from trimtab.deployment.autoscaling import latched
from trimtab.deployment.checkpoint import checkpoint_if_due
from trimtab.deployment.children import children_of, deletions_of, ready, wanted
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason
from trimtab.deployment.report import with_report
from trimtab.deployment.steps import Position, observed_seconds, position
from trimtab.deployment.traffic.capacity import capacity
from trimtab.deployment.traffic.providers import provider_of
from trimtab.deployment.waiting import Waiting, waiting
from trimtab.model.clock import after
from trimtab.model.conditions import progressing

WAKE_SECONDS = 5.0


@dataclass(frozen=True)
class Turn:
    """What a step decides on."""

    observed: DeploymentObserved
    candidate: Side
    verdicts: tuple[MetricVerdict, ...]
    at: Position
    now: datetime

    @property
    def seconds(self) -> float:
        """Observed time in this step."""
        return self.seconds_in(self.at.index)

    def seconds_in(self, index: int) -> float:
        """Observed time in the step ``index``."""
        evidence = self.observed.evidence
        if evidence is None:
            return 0.0
        return observed_seconds(evidence.observed_seconds, evidence.turn, index)

    @property
    def waiting(self) -> Waiting:
        """What its step waits for."""
        return waiting(self.at, self.observed.spec, self.pods, self.verdicts)

    @property
    def pods(self) -> int:
        """How many all of the traffic takes."""
        return capacity(self.observed.spec, self.observed.status)

    @property
    def name(self) -> str:
        """Names this turn of this revision, for history."""
        return turn_name(self.candidate)


def turn_name(side: Side) -> str:
    return f"{side.revision}-{side.since:%Y%m%dT%H%M%S}" if side.since else side.revision


def enter(turn: Turn, index: int) -> Decision:
    """The step ``index`` begins in this pass: its writes follow the status that says so."""
    observed, steps = turn.observed, turn.observed.spec.rollout.steps
    pods = latched(observed, turn.candidate, turn.at.weight if observed.status.step else 0)
    step = StepStatus(index=index, started_at=turn.now, pods=pods)
    status = observed.status.model_copy(update={"step": step})
    entered = replace(turn, at=position(steps, step))
    waits = waiting(entered.at, observed.spec, capacity(observed.spec, status), turn.verdicts)
    status = status.model_copy(update={"phase": waits.phase})
    if entered.at.step is not None and entered.at.step.experiment is not None:
        status = status.model_copy(update={"experiment": None})  # that of an earlier one
    return _decision(entered, status, waits.reason, waits.message, seconds=0.0)


def wait(turn: Turn, wake: float = WAKE_SECONDS) -> Decision:
    """The step goes on as it began: nothing to write."""
    waits = turn.waiting
    return stay(turn, waits.reason, waits.message, phase=waits.phase, wake=wake)


def stay(
    turn: Turn,
    reason: Reason | str,
    message: str,
    *,
    phase: str = "Progressing",
    wake: float = WAKE_SECONDS,
    held: bool = False,
) -> Decision:
    """Nothing changes but what is observed; comes back in ``wake`` seconds at the latest."""
    status = turn.observed.status.model_copy(update={"phase": phase})
    if status.step is not None and status.step.held != held:
        status = status.model_copy(update={"step": status.step.model_copy(update={"held": held})})
    return _decision(turn, status, reason, message, seconds=turn.seconds, wake=min(wake, WAKE_SECONDS))


def give_up(turn: Turn, reason: Reason, message: str) -> Decision:
    """Abort, with the verdicts that decided beside it."""
    decision = abort.give_up(turn.observed, turn.candidate, reason, message, turn.now)
    return replace(decision, status=_reported(turn, decision.status, turn.seconds))


def too_late(turn: Turn, message: str) -> Decision | None:
    """The end of a step that takes longer than progressDeadline; None while there is time."""
    rollout = turn.observed.spec.rollout
    if turn.seconds < rollout.progress_deadline_seconds:
        return None
    text = f"not done within rollout.progressDeadline {rollout.progress_deadline}: {message}"
    return give_up(turn, Reason.PROGRESS_DEADLINE_EXCEEDED, text)


def unready(turn: Turn, size: int) -> tuple[str | None, str]:
    """Why the candidate does not have ``size`` ready pods."""
    workload = turn.observed.workloads.get(turn.candidate.revision)
    if workload is not None and workload.trouble is not None:
        return workload.trouble.reason, workload.trouble.message
    return None, f"{ready(turn.observed, turn.candidate)} of {size} candidate pods are ready"


def _decision(
    turn: Turn,
    status: DeploymentStatus,
    reason: Reason | str,
    message: str,
    *,
    seconds: float,
    wake: float = WAKE_SECONDS,
) -> Decision:
    observed = turn.observed
    want = wanted(observed, status, turn.at.share)
    provider = provider_of(observed.spec)
    weight = WeightStatus(
        desired=turn.at.weight,
        applied=provider.share(observed),
        mirror=turn.at.share.mirror or None,
    )
    moved = status.model_copy(update={"weight": weight})
    return Decision(
        status=_reported(turn, moved, seconds),
        conditions=progressing(str(reason), message),
        children=(*children_of(observed, status, want), *checkpoint_if_due(observed, turn.now)),
        deletions=deletions_of(observed, status, want),
        wake_at=after(turn.now, wake),
    )


def _reported(turn: Turn, status: DeploymentStatus, seconds: float) -> DeploymentStatus:
    observed = turn.observed
    judging = turn.at.analyze is not None
    return with_report(
        status, observed.status, turn.verdicts, observed.evidence, seconds=seconds, judging=judging
    )
