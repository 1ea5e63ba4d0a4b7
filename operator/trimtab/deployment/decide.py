"""decide(observed, now) -> Plan for one Deployment: the situation gets a name, a table says what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum, auto

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Quarantine, Side
from trimtab.deployment import (
    abort,
    autoscaling,
    monitors,
    probation,
    requests,
    rollback,
    rollout,
    scale_down,
)
from trimtab.deployment.children import children_of, deletions_of, ready, serving, wanted
from trimtab.deployment.first import follow_first
from trimtab.deployment.observed import DeploymentObserved, VersionObserved
from trimtab.deployment.outcome import Decision, finish
from trimtab.deployment.reasons import Reason
from trimtab.deployment.revision import freeze, revision_of
from trimtab.deployment.signature import signature_problem
from trimtab.deployment.steps import NOTHING
from trimtab.deployment.target import NoTarget, target_of
from trimtab.deployment.traffic.capacity import ceiling
from trimtab.deployment.traffic.provider import Problem
from trimtab.deployment.traffic.providers import provider_of
from trimtab.deployment.turn import turn_name
from trimtab.model.clock import after
from trimtab.model.conditions import Condition, progressing, stalled
from trimtab.model.conditions import ready as ready_now
from trimtab.model.plan import Plan

LOOK_AGAIN_SECONDS = 30.0
"""What another Deployment no longer claims is no event of ours."""


class Situation(Enum):
    SERVED = auto()
    QUARANTINED = auto()
    OTHER_SIGNATURE = auto()
    CANDIDATE = auto()
    NEW_REVISION = auto()


def decide(observed: DeploymentObserved, now: datetime) -> Plan:
    """One pass. Pure: equal arguments give equal plans; a plan that was carried out leads to an empty one."""
    action = requests.pending(observed)
    if action is None:
        return finish(observed, _decide(observed, now), now)
    return finish(observed, requests.answer(observed, action, _decide, now), now)


def _decide(observed: DeploymentObserved, now: datetime) -> Decision:
    if observed.status.abort is not None:
        return abort.go_on(observed)
    obstacle = provider_of(observed.spec).obstacle(observed) or autoscaling.obstacle(observed)
    if obstacle is not None:
        return _stand_still(observed, obstacle, now)
    failed = probation.failure(observed)
    if failed:
        return rollback.begin(observed, Reason.PROBATION_FAILED, failed, now)
    asked = monitors.asked(observed)
    if asked is not None:
        return monitors.go_back(observed, asked, now)
    decision = probation.follow(observed, _by_target(observed, now), now)
    return scale_down.follow(observed, decision, now)


def _by_target(observed: DeploymentObserved, now: datetime) -> Decision:
    target = target_of(observed)
    if observed.status.rollback is not None and not _is_overtaken(observed, target, now):
        return rollback.go_on(observed, now)
    if isinstance(target, NoTarget):
        return _without_target(observed, target)
    return _towards(observed, target, now)


def _is_overtaken(observed: DeploymentObserved, target: VersionObserved | NoTarget, now: datetime) -> bool:
    """A rollback that is blocked keeps nobody from rolling out a newer revision, such as the fix."""
    if isinstance(target, NoTarget) or not rollback.is_blocked(observed, now):
        return False
    revision = revision_of(target.digest, observed.spec.serving)
    return _situation(observed, target, revision) is Situation.NEW_REVISION


def _towards(observed: DeploymentObserved, target: VersionObserved, now: datetime) -> Decision:
    revision = revision_of(target.digest, observed.spec.serving)
    match _situation(observed, target, revision):
        case Situation.SERVED:
            return _served(observed, now)
        case Situation.QUARANTINED:
            return _quarantined(observed, target, revision)
        case Situation.OTHER_SIGNATURE:
            return _other_signature(observed, target)
        case Situation.CANDIDATE:
            return _candidate(observed, now)
        case Situation.NEW_REVISION:
            return _start_unless_frozen(observed, target, revision, now)


def _situation(observed: DeploymentObserved, target: VersionObserved, revision: str) -> Situation:
    status = observed.status
    if status.stable is not None and status.stable.revision == revision:
        return Situation.SERVED
    if abort.is_quarantined(status, revision) is not None:
        return Situation.QUARANTINED
    if signature_problem(observed, target):
        return Situation.OTHER_SIGNATURE
    if status.candidate is not None and status.candidate.revision == revision:
        return Situation.CANDIDATE
    return Situation.NEW_REVISION


def _stand_still(observed: DeploymentObserved, obstacle: Problem, now: datetime) -> Decision:
    """What serves goes on as it is; nothing is written but why nothing begins."""
    status = observed.status.model_copy(update={"phase": "Stalled"})
    shown = stalled(obstacle.reason, obstacle.message)
    return Decision(status, shown, wake_at=after(now, LOOK_AGAIN_SECONDS))


def _without_target(observed: DeploymentObserved, target: NoTarget) -> Decision:
    """What serves goes on serving; a candidate that the spec no longer asks for is dropped."""
    state = progressing if target.waiting else stalled
    phase = "Pending" if target.waiting else "Stalled"
    return _without_candidate(observed, phase, state(target.reason, target.message))


def _served(observed: DeploymentObserved, now: datetime) -> Decision:
    """The spec's revision is the stable one; a candidate that is left over is dropped, not quarantined."""
    stable, dropped = observed.status.stable, observed.status.candidate
    if stable is None:
        raise AssertionError("the situation says that a stable revision serves")
    size, there = observed.spec.serving.replicas, serving(observed, stable)
    problem = provider_of(observed.spec).problem(observed)
    if ready(observed, stable) >= size and there >= size and problem is None:
        trial = ", on probation" if observed.status.probation else ""
        most, trouble = ceiling(observed.spec), autoscaling.trouble(observed)
        pods = f"{size} to {most} pods" if observed.spec.serving.autoscaling else f"{size} pods"
        message = f"{stable.model_version} serves with {pods}{trial}" + (f"; {trouble}" if trouble else "")
        decision = _without_candidate(observed, "Ready", _good(observed, message))
    else:
        reason, message = _not_ready(observed, stable, problem)
        decision = _without_candidate(observed, "Progressing", progressing(reason, message))
    if dropped is None:
        return decision
    text = f"revision {dropped.revision} is no longer asked for"
    return decision.note(f"dropped-{turn_name(dropped)}", Reason.CANDIDATE_DROPPED, text, now)


def _good(observed: DeploymentObserved, message: str) -> tuple[Condition, ...]:
    """Under ``follow`` a rejected candidate leaves the stable one as the target: fine, but said."""
    rejected = newest_rejected(observed)
    if rejected is None:
        return ready_now(Reason.SERVING, message)
    text = f"{message}; {rejected.model_version} was given up: {rejected.reason}: {rejected.message}"
    return ready_now(Reason.CANDIDATE_REJECTED, text)


def newest_rejected(observed: DeploymentObserved) -> Quarantine | None:
    """The quarantined revision that ``follow`` would serve if it were not quarantined."""
    if observed.spec.model.follow is None:
        return None
    served = observed.status.stable
    by_name = {version.name: version for version in observed.versions if version.phase == "Approved"}
    number = by_name[served.model_version].version if served and served.model_version in by_name else 0
    newer = [
        entry
        for entry in observed.status.quarantine
        if entry.model_version in by_name and by_name[entry.model_version].version > number
    ]
    return newer[-1] if newer else None


def _quarantined(observed: DeploymentObserved, target: VersionObserved, revision: str) -> Decision:
    """The spec asks for bytes that failed: what serves goes on, and a person has to change something."""
    entry = abort.is_quarantined(observed.status, revision)
    why = f"{entry.reason}: {entry.message}" if entry else ""
    message = (
        f"{target.name} is quarantined as revision {revision}: {why}; "
        "pin another version, or change spec.serving to try other settings"
    )
    return _without_candidate(observed, "Aborted", stalled(Reason.ABORTED, message))


def _other_signature(observed: DeploymentObserved, target: VersionObserved) -> Decision:
    """Clients of what serves could not talk to it: no traffic, and nothing is wrong with its bytes."""
    message = (
        f"{target.name} does not take the requests that are answered now: "
        f"{signature_problem(observed, target)}; "
        "pin another version, or set rollout.signatureChange: Allow when clients are ready"
    )
    return _without_candidate(observed, "Stalled", stalled(Reason.SIGNATURE_MISMATCH, message))


def _without_candidate(
    observed: DeploymentObserved, phase: str, conditions: tuple[Condition, ...]
) -> Decision:
    status = observed.status.model_copy(
        update={"phase": phase, "candidate": None, "step": None, "weight": None}
    )
    want = wanted(observed, status, NOTHING)
    return Decision(
        status, conditions, children_of(observed, status, want), deletions_of(observed, status, want)
    )


def _start_unless_frozen(
    observed: DeploymentObserved, target: VersionObserved, revision: str, now: datetime
) -> Decision:
    """A frozen rollout begins nothing; one that is on its way stays where it is, whatever is asked for."""
    if not observed.spec.rollout.freeze or observed.status.stable is None:
        return _start(observed, target, revision, now)
    if observed.status.candidate is not None:
        return _candidate(observed, now)
    text = f"{target.name}, revision {revision}, waits: rollout.freeze is set"
    return _without_candidate(observed, "Paused", progressing(Reason.FROZEN, text))


def _start(observed: DeploymentObserved, target: VersionObserved, revision: str, now: datetime) -> Decision:
    """Freeze the revision first, then give it the role: a role without a record could not be rebuilt.

    A candidate that was on its way is superseded: it loses the role here, and its traffic with it.
    """
    superseded = observed.status.candidate
    if revision not in observed.records:
        text = f"freezing revision {revision} of {target.name}"
        decision = _without_candidate(observed, "Progressing", progressing(Reason.STARTING, text))
        children = (*decision.children, freeze(observed, target, revision))
        decision = replace(decision, children=children, silent=superseded is None)
    else:
        decision = _give_role(observed, target, revision, now)
    if superseded is None:
        return decision
    text = f"revision {superseded.revision} is superseded by {revision}"
    return decision.note(f"dropped-{turn_name(superseded)}", Reason.CANDIDATE_DROPPED, text, now)


def _give_role(
    observed: DeploymentObserved, target: VersionObserved, revision: str, now: datetime
) -> Decision:
    candidate = Side(model_version=target.name, digest=target.digest, revision=revision, since=now)
    status = observed.status.model_copy(
        update={
            "phase": "Progressing",
            "candidate": candidate,
            "step": None,
            "weight": None,
            "analysis": (),
            "rollback": None,
            "probation": None,
            "scale_down_at": None,
            "experiment": None,
        }
    )
    text = f"{target.name}, revision {revision}"
    return _begun(observed, status, candidate, text, now).note(
        f"started-{turn_name(candidate)}", Reason.CANDIDATE_STARTED, text, now
    )


def _begun(
    observed: DeploymentObserved, status: DeploymentStatus, candidate: Side, text: str, now: datetime
) -> Decision:
    """Beside a stable revision the first step begins with the role."""
    if status.stable is not None:
        return rollout.begin(replace(observed, status=status), candidate, now)
    want = wanted(observed, status, NOTHING)
    return Decision(
        status,
        progressing(Reason.STARTING, text),
        children_of(observed, status, want),
        deletions_of(observed, status, want),
    )


def _candidate(observed: DeploymentObserved, now: datetime) -> Decision:
    candidate = observed.status.candidate
    if candidate is None:
        raise AssertionError("the situation says that there is a candidate")
    if observed.status.stable is None:
        return follow_first(observed, candidate, now)
    return rollout.follow(observed, candidate, now)


def _not_ready(observed: DeploymentObserved, side: Side, problem: Problem | None) -> tuple[str, str]:
    workload = observed.workloads.get(side.revision)
    if workload is not None and workload.trouble is not None:
        return workload.trouble.reason, workload.trouble.message
    size, there = observed.spec.serving.replicas, serving(observed, side)
    if problem is not None and there >= size:
        return problem.reason, problem.message
    return Reason.PODS_NOT_READY, f"{there} of {size} pods are ready behind the Service"
