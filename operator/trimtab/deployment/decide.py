"""decide(observed, now) -> Plan for one Deployment: the situation gets a name, a table says what follows."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum, auto

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.children import children_of, deletions_of
from trimtab.deployment.observed import DeploymentObserved, VersionObserved, WorkloadObserved
from trimtab.deployment.outcome import Decision, finish
from trimtab.deployment.reasons import Reason
from trimtab.deployment.revision import freeze, revision_of
from trimtab.deployment.target import NoTarget, target_of
from trimtab.model.conditions import Condition, progressing, ready, stalled
from trimtab.model.plan import Plan


class Situation(Enum):
    NO_TARGET = auto()
    SERVED = auto()
    NEW_REVISION = auto()
    CANDIDATE = auto()


def decide(observed: DeploymentObserved, now: datetime) -> Plan:
    """One pass. Pure: equal arguments give equal plans, and a plan that was carried out leads to an empty
    one."""
    target = target_of(observed)
    if isinstance(target, NoTarget):
        return finish(observed, _without_target(observed, target), now)
    revision = revision_of(target.digest, observed.spec.serving)
    match _situation(observed.status, revision):
        case Situation.SERVED:
            return finish(observed, _served(observed, now), now)
        case Situation.CANDIDATE:
            return finish(observed, _follow_candidate(observed, now), now)
        case _:
            return finish(observed, _start(observed, target, revision, now), now)


def _situation(status: DeploymentStatus, revision: str) -> Situation:
    if status.candidate is not None and status.candidate.revision == revision:
        return Situation.CANDIDATE
    if status.stable is not None and status.stable.revision == revision:
        return Situation.SERVED
    return Situation.NEW_REVISION


def _without_target(observed: DeploymentObserved, target: NoTarget) -> Decision:
    """What serves goes on serving; a candidate that the spec no longer asks for is dropped."""
    status = observed.status.model_copy(update={"candidate": None})
    state = progressing if target.waiting else stalled
    phase = "Pending" if target.waiting else "Stalled"
    return _with_children(observed, status, phase, state(target.reason, target.message))


def _served(observed: DeploymentObserved, now: datetime) -> Decision:
    """The spec's revision is the stable one; a candidate that is left over is dropped."""
    status = observed.status
    dropped = status.candidate
    status = status.model_copy(update={"candidate": None})
    stable = status.stable
    if stable is None:
        raise AssertionError("the situation says that a stable revision serves")
    workload = observed.workloads.get(stable.revision)
    wanted = observed.spec.serving.replicas
    available = workload.ready_replicas if workload else 0
    if _has_capacity(workload, wanted) and workload is not None and workload.serving_pods >= wanted:
        message = f"{stable.model_version} serves with {available} of {wanted} pods"
        decision = _with_children(observed, status, "Ready", ready(Reason.SERVING, message))
    else:
        reason, message = _not_ready(workload, wanted)
        decision = _with_children(observed, status, "Progressing", progressing(reason, message))
    if dropped is None:
        return decision
    text = f"revision {dropped.revision} is no longer asked for"
    return decision.note(_entry("dropped", dropped), Reason.CANDIDATE_DROPPED, text, now)


def _start(observed: DeploymentObserved, target: VersionObserved, revision: str, now: datetime) -> Decision:
    """Freeze the revision first, then give it the role: a role without a record could not be rebuilt."""
    if revision not in observed.records:
        shown = progressing(Reason.STARTING, f"freezing revision {revision} of {target.name}")
        decision = _with_children(observed, observed.status, "Progressing", shown)
        return Decision(
            decision.status,
            decision.conditions,
            (*decision.children, freeze(observed, target, revision)),
            decision.deletions,
        )
    candidate = Side(model_version=target.name, digest=target.digest, revision=revision, since=now)
    status = observed.status.model_copy(update={"candidate": candidate})
    text = f"{target.name}, revision {revision}"
    return _with_children(observed, status, "Progressing", progressing(Reason.STARTING, text)).note(
        _entry("started", candidate), Reason.CANDIDATE_STARTED, text, now
    )


def _follow_candidate(observed: DeploymentObserved, now: datetime) -> Decision:
    candidate = observed.status.candidate
    if candidate is None:
        raise AssertionError("the situation says that there is a candidate")
    workload = observed.workloads.get(candidate.revision)
    wanted = observed.spec.serving.replicas
    if _has_capacity(workload, wanted):
        return _promote(observed, candidate, now)
    reason, message = _not_ready(workload, wanted)
    deadline = (candidate.since or now) + timedelta(seconds=observed.spec.rollout.progress_deadline_seconds)
    if now >= deadline:
        return _too_late(observed, reason, message)
    decision = _with_children(observed, observed.status, "Progressing", progressing(reason, message))
    return Decision(
        decision.status, decision.conditions, decision.children, decision.deletions, wake_at=deadline
    )


def _promote(observed: DeploymentObserved, candidate: Side, now: datetime) -> Decision:
    """Roles swap in status; the Service follows; no pod is made again."""
    stable = candidate.model_copy(update={"since": now})
    status = observed.status.model_copy(update={"stable": stable, "candidate": None})
    text = f"{candidate.model_version}, revision {candidate.revision}, is ready and takes all traffic"
    return _with_children(observed, status, "Progressing", progressing(Reason.PROGRESSING, text)).note(
        _entry("promoted", stable), Reason.PROMOTED, text, now
    )


def _too_late(observed: DeploymentObserved, reason: Reason | str, message: str) -> Decision:
    deadline = observed.spec.rollout.progress_deadline
    first = observed.status.stable is None
    what = Reason.FIRST_VERSION_FAILED if first else Reason.PROGRESS_DEADLINE_EXCEEDED
    text = f"not ready within rollout.progressDeadline {deadline}: {reason}: {message}"
    return _with_children(observed, observed.status, "Stalled", stalled(what, text))


def _with_children(
    observed: DeploymentObserved,
    status: DeploymentStatus,
    phase: str,
    conditions: tuple[Condition, ...],
) -> Decision:
    workload = observed.workloads.get(status.stable.revision) if status.stable else None
    moved = status.model_copy(update={"phase": phase, "replicas": workload.ready_replicas if workload else 0})
    return Decision(moved, conditions, children_of(observed, moved), deletions_of(observed, moved))


def _has_capacity(workload: WorkloadObserved | None, wanted: int) -> bool:
    """All pods that are wanted exist and are ready, as the workload's own controller says."""
    return workload is not None and workload.settled and workload.ready_replicas >= wanted


def _not_ready(workload: WorkloadObserved | None, wanted: int) -> tuple[Reason | str, str]:
    if workload is None:
        return Reason.STARTING, "its pods are being created"
    if workload.trouble is not None:
        return workload.trouble.reason, workload.trouble.message
    return Reason.PODS_NOT_READY, f"{workload.ready_replicas} of {wanted} pods are ready"


def _entry(what: str, side: Side) -> str:
    """History id of a transition of one revision's one turn."""
    since = side.since.strftime("%Y%m%dT%H%M%S") if side.since else ""
    return f"{what}-{side.revision}-{since}"
