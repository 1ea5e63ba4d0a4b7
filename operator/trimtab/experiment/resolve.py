"""First stage: every data tag becomes a digest, once, before anything runs."""

from __future__ import annotations

from datetime import datetime

from trimtab.apis.v1alpha1.experiment_status import ResolvedData
from trimtab.experiment.observed import ExperimentObserved, Problem
from trimtab.experiment.outcome import Decision, fail, progress
from trimtab.experiment.reasons import Reason
from trimtab.model.clock import after

RETRY_SECONDS = 10.0


def decide(observed: ExperimentObserved, now: datetime) -> Decision:
    status = observed.status
    match observed.data:
        case None:
            return progress(status, "Pending", Reason.RESOLVING_DATA, "reading the digests of the data")
        case Problem(transient=True) as problem:
            return progress(
                status, "Pending", problem.reason, problem.message, wake_at=after(now, RETRY_SECONDS)
            )
        case Problem() as problem:
            return fail(status, "Failed", problem.reason, problem.message, now)
        case digests:
            pinned = tuple(ResolvedData(name=s.name, digest=digests[s.name]) for s in observed.spec.data)
            moved = status.model_copy(update={"data": pinned})
            message = ", ".join(f"{entry.name} is {entry.digest[:19]}" for entry in pinned)
            return progress(moved, "Training", Reason.TRAINING, "the data is pinned; trials start").note(
                "data-resolved", Reason.DATA_RESOLVED, message, now
            )
