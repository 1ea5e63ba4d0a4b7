"""Suspension: running Jobs are suspended (their pods end), nothing new starts; results that are in are
kept."""

from __future__ import annotations

from datetime import datetime

from trimtab.experiment.observed import ExperimentObserved, JobObserved
from trimtab.experiment.outcome import Decision, progress
from trimtab.experiment.reasons import Reason
from trimtab.model.kinds import JOB
from trimtab.model.plan import Patch


def is_due(observed: ExperimentObserved) -> bool:
    """Whether suspending or resuming comes before everything else in this pass."""
    if observed.spec.suspend or observed.status.phase == "Suspended":
        return True
    # A process that died between the status and the Jobs leaves Jobs suspended that nobody wants suspended.
    return any(job.suspended for job in observed.jobs.values())


def decide(observed: ExperimentObserved, now: datetime) -> Decision:
    status = observed.status
    if observed.spec.suspend:
        active = [job for job in observed.jobs.values() if job.state == "Active" and not job.suspended]
        message = "suspended by spec.suspend; set it to false to go on"
        children = tuple(_set_suspend(observed, job, True) for job in active)
        decision = progress(status, "Suspended", Reason.SUSPENDED, message, children=children)
        if status.phase == "Suspended":
            return decision  # a change of the budget meanwhile is no second suspension
        return decision.note(f"suspended-{observed.generation}", Reason.SUSPENDED, message, now)
    held = [job for job in observed.jobs.values() if job.suspended]
    children = tuple(_set_suspend(observed, job, False) for job in held)
    decision = progress(status, "Pending", Reason.RESUMED, "resumed", children=children)
    if status.phase != "Suspended":
        return decision
    return decision.note(f"resumed-{observed.generation}", Reason.RESUMED, "resumed by spec.suspend", now)


def _set_suspend(observed: ExperimentObserved, job: JobObserved, suspend: bool) -> Patch:
    return Patch(
        JOB, observed.namespace, job.name, job.uid, job.resource_version, {"spec": {"suspend": suspend}}
    )
