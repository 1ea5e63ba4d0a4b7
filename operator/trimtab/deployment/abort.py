"""Giving a candidate up: the decision is written first, then traffic goes back, then its pods go.

The quarantine keeps the revision, that is the bytes under their settings: the same bytes under another
version name are the same revision and are not tried again; other resources make another revision, which may
be.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import Abort, DeploymentStatus, Quarantine, Side
from trimtab.deployment.children import children_of, deletions_of, serving, wanted
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason
from trimtab.deployment.steps import NOTHING
from trimtab.model.conditions import progressing

QUARANTINE_LIMIT = 20
MESSAGE_LIMIT = 1024


def is_quarantined(status: DeploymentStatus, revision: str) -> Quarantine | None:
    return next((entry for entry in status.quarantine if entry.revision == revision), None)


def quarantined(
    status: DeploymentStatus, side: Side, reason: str, message: str, now: datetime
) -> tuple[Quarantine, ...]:
    """The quarantine with this revision in it, as the newest."""
    entry = Quarantine(
        revision=side.revision,
        digest=side.digest,
        model_version=side.model_version,
        reason=str(reason),
        message=message[:MESSAGE_LIMIT],
        at=now,
    )
    others = [known for known in status.quarantine if known.revision != side.revision]
    return tuple([*others, entry][-QUARANTINE_LIMIT:])


def give_up(
    observed: DeploymentObserved, candidate: Side, reason: Reason, message: str, now: datetime
) -> Decision:
    """The verdict becomes status before anything else happens; traffic follows in the same pass."""
    step = observed.status.step.index if observed.status.step else 0
    status = observed.status.model_copy(
        update={
            "abort": Abort(
                revision=candidate.revision,
                step=step,
                reason=reason.value,
                message=message[:MESSAGE_LIMIT],
            ),
            "quarantine": quarantined(observed.status, candidate, reason, message, now),
        }
    )
    text = f"{candidate.model_version}, revision {candidate.revision}, step {step}: {reason}: {message}"
    decision = replace(_aborting(observed, status), urgent=True)
    return decision.note(
        f"aborted-{candidate.revision}-{_stamp(candidate)}", Reason.ABORTED, text, now, warning=True
    )


def go_on(observed: DeploymentObserved) -> Decision:
    """Traffic to stable, then the candidate shrinks and loses its role; the entry in quarantine stays."""
    status, candidate = observed.status, observed.status.candidate
    if candidate is not None and not _is_over(observed, candidate):
        return _aborting(observed, status)
    done = status.model_copy(update={"abort": None, "candidate": None, "step": None, "weight": None})
    return _aborting(observed, done)


def _is_over(observed: DeploymentObserved, candidate: Side) -> bool:
    """No endpoint is one of its pods, and it was told to have none."""
    workload = observed.workloads.get(candidate.revision)
    return serving(observed, candidate) == 0 and (workload is None or workload.replicas == 0)


def _aborting(observed: DeploymentObserved, status: DeploymentStatus) -> Decision:
    message = status.abort.message if status.abort else "the candidate is gone"
    want = wanted(observed, status, NOTHING)
    return Decision(
        status=status.model_copy(update={"phase": "Aborting"}),
        conditions=progressing(Reason.ABORTING, message),
        children=children_of(observed, status, want),
        deletions=deletions_of(observed, status, want),
    )


def _stamp(side: Side) -> str:
    return side.since.strftime("%Y%m%dT%H%M%S") if side.since else ""
