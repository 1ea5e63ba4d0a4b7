"""The first version: there is nothing to compare it with, so it serves as soon as it is ready."""

from __future__ import annotations

from datetime import datetime, timedelta

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.children import children_of, deletions_of, ready, wanted
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason
from trimtab.deployment.roles import promoted
from trimtab.deployment.steps import NOTHING
from trimtab.model.conditions import Condition, progressing, stalled


def follow_first(observed: DeploymentObserved, candidate: Side, now: datetime) -> Decision:
    """Ready in full: it is stable. Not ready in time: Stalled, not quarantined; any new revision replaces
    it."""
    size = observed.spec.serving.replicas
    if ready(observed, candidate) >= size:
        return _promote(observed, candidate, now)
    reason, message = _why(observed, candidate, size)
    deadline = (candidate.since or now) + timedelta(seconds=observed.spec.rollout.progress_deadline_seconds)
    if now < deadline:
        shown = progressing(reason, message)
        return _decision(observed, observed.status, "Progressing", shown, wake_at=deadline)
    limit = observed.spec.rollout.progress_deadline
    text = f"not ready within rollout.progressDeadline {limit}: {reason}: {message}"
    return _decision(observed, observed.status, "Stalled", stalled(Reason.FIRST_VERSION_FAILED, text))


def _promote(observed: DeploymentObserved, candidate: Side, now: datetime) -> Decision:
    status = promoted(observed.status, candidate, observed.spec.rollout.revision_history_limit, now)
    text = f"{candidate.model_version}, revision {candidate.revision}, takes all traffic"
    shown = progressing(Reason.PROMOTING, text)
    entry = f"promoted-{candidate.revision}-{candidate.since or now:%Y%m%dT%H%M%S}"
    return _decision(observed, status, "Progressing", shown).note(entry, Reason.PROMOTED, text, now)


def _why(observed: DeploymentObserved, candidate: Side, size: int) -> tuple[str, str]:
    workload = observed.workloads.get(candidate.revision)
    if workload is not None and workload.trouble is not None:
        return workload.trouble.reason, workload.trouble.message
    return Reason.PODS_NOT_READY, f"{ready(observed, candidate)} of {size} pods are ready"


def _decision(
    observed: DeploymentObserved,
    status: DeploymentStatus,
    phase: str,
    shown: tuple[Condition, ...],
    *,
    wake_at: datetime | None = None,
) -> Decision:
    moved = status.model_copy(update={"phase": phase})
    want = wanted(observed, moved, NOTHING)
    return Decision(
        moved, shown, children_of(observed, moved, want), deletions_of(observed, moved, want), wake_at=wake_at
    )
