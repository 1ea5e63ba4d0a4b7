"""Leaving stable for the revision that served before it: pods first, then traffic, once, then the rest.

`status.rollback` is the decision, and it stands until it is carried out: a process that dies at any write of
it leaves a successor the same work. What it goes back to is made from its frozen record alone, so its pods,
its workload and even its ModelVersion may be gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Rollback, Side
from trimtab.deployment import actions
from trimtab.deployment.abort import MESSAGE_LIMIT, quarantined
from trimtab.deployment.actions import Action
from trimtab.deployment.children import children_of, deletions_of, ready, wanted
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason
from trimtab.deployment.roles import rolled_back
from trimtab.deployment.steps import NOTHING
from trimtab.deployment.traffic.capacity import ceiling
from trimtab.deployment.turn import turn_name
from trimtab.model.conditions import Condition, progressing, stalled


def fits(action: Action, status: DeploymentStatus) -> bool:
    """Whether somebody asks for the rollback that is possible now: from this stable to this last good one."""
    busy = (status.candidate, status.abort, status.rollback)
    if status.stable is None or status.last_good is None or any(one is not None for one in busy):
        return False
    return (action.about.get("revision"), action.about.get("to")) == (
        status.stable.revision,
        status.last_good.revision,
    )


def by_person(observed: DeploymentObserved, action: Action, now: datetime) -> Decision:
    """Somebody wants it: as good a reason as any."""
    return begin(observed, Reason.ROLLED_BACK_BY_PERSON, actions.author(action), now)


def begin(observed: DeploymentObserved, reason: Reason, message: str, now: datetime) -> Decision:
    """The decision becomes status before anything else happens."""
    stable, to = _sides(observed.status)
    text = message[:MESSAGE_LIMIT]
    asked = Rollback(revision=stable.revision, to=to.revision, reason=reason, message=text, at=now)
    status = observed.status.model_copy(update={"rollback": asked, "probation": None, "scale_down_at": None})
    line = f"{_words(stable)} is left for {_words(to)}: {reason}: {message}"
    decision = _waiting(observed, status, now)
    return decision.note(f"leaving-{turn_name(stable)}", Reason.ROLLING_BACK, line, now, warning=True)


def go_on(observed: DeploymentObserved, now: datetime) -> Decision:
    """Traffic moves in one write, when what takes it has the pods that answer now."""
    if ready(observed, observed.status.last_good) >= needed(observed):
        return _move(observed, now)
    return _waiting(observed, observed.status, now)


def needed(observed: DeploymentObserved) -> int:
    """Pods that must be ready before traffic moves: as many as stable has ready, at most what a side may
    have.

    A stable that answers with fewer than it should is left the sooner for it.
    """
    return max(1, min(ceiling(observed.spec), ready(observed, observed.status.stable)))


def is_blocked(observed: DeploymentObserved, now: datetime) -> bool:
    """Whether its pods did not come in time, or can never come: then a newer revision may come first."""
    return bool(_blocked(observed, observed.status, now))


def _blocked(observed: DeploymentObserved, status: DeploymentStatus, now: datetime) -> str:
    """Why it does not get on; empty while it may."""
    _, to = _sides(status)
    workload = observed.workloads.get(to.revision)
    if to.revision not in observed.records and workload is None:
        return f"the record of {_words(to)} is gone, so its pods cannot be made"
    if now < _deadline(observed, status, now):
        return ""
    trouble = workload.trouble if workload else None
    why = f": {trouble.reason}: {trouble.message}" if trouble else ""
    limit = observed.spec.rollout.progress_deadline
    count = f"{ready(observed, to)} of {needed(observed)} pods of {to.model_version}"
    return f"{count} were ready within rollout.progressDeadline {limit}{why}"


def _waiting(observed: DeploymentObserved, status: DeploymentStatus, now: datetime) -> Decision:
    """What serves goes on serving; the other side gets its pods, outside the Service."""
    _, to = _sides(status)
    blocked = _blocked(observed, status, now)
    text = f"traffic goes back to {_words(to)} when {needed(observed)} of its pods are ready"
    remedy = "it goes on when they are; or ask for another version"
    shown: tuple[Condition, ...] = (
        stalled(Reason.ROLLBACK_BLOCKED, f"{blocked}; {remedy}")
        if blocked
        else progressing(Reason.ROLLING_BACK, text)
    )
    moved = status.model_copy(update={"phase": "Stalled" if blocked else "RollingBack"})
    wake = None if blocked else _deadline(observed, status, now)
    want = wanted(observed, moved, NOTHING)
    return Decision(
        moved, shown, children_of(observed, moved, want), deletions_of(observed, moved, want), wake
    )


def _move(observed: DeploymentObserved, now: datetime) -> Decision:
    """Roles swap, the Service follows, and what is left is not tried again."""
    before = observed.status
    stable, to = _sides(before)
    reason = before.rollback.reason if before.rollback else str(Reason.ROLLING_BACK)
    message = before.rollback.message if before.rollback else ""
    status = rolled_back(before, to, now).model_copy(
        update={"quarantine": quarantined(before, stable, reason, message, now)}
    )
    text = f"{_words(to)} has all traffic again; {_words(stable)} is quarantined"
    want = wanted(observed, status, NOTHING)
    return Decision(
        status,
        progressing(Reason.ROLLING_BACK, text),
        children_of(observed, status, want),
        deletions_of(observed, status, want),
    ).note(f"left-{turn_name(stable)}", Reason.ROLLED_BACK, text, now, warning=True)


def _deadline(observed: DeploymentObserved, status: DeploymentStatus, now: datetime) -> datetime:
    begun = status.rollback.at if status.rollback else now
    return begun + timedelta(seconds=observed.spec.rollout.progress_deadline_seconds)


def _sides(status: DeploymentStatus) -> tuple[Side, Side]:
    if status.stable is None or status.last_good is None:
        raise AssertionError("a rollback leaves a stable revision for the last good one")
    return status.stable, status.last_good


def _words(side: Side) -> str:
    return f"{side.model_version}, revision {side.revision}"
