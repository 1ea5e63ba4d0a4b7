"""decide(observed, now) -> Plan for one ModelVersion: whether its origin is proved, and with that its
approval.

Anybody who may create ModelVersions can write any lineage, so lineage alone proves nothing: the Experiment
of that uid must itself name the version in its status, which only the operator writes.
"""

from __future__ import annotations

from datetime import datetime

from trimtab.apis.v1alpha1.modelversion import ModelVersionStatus, QuarantinedBy, ServedBy
from trimtab.model import conditions, history
from trimtab.model.conditions import Condition
from trimtab.model.plan import Plan
from trimtab.modelversion.observed import ModelVersionObserved, OriginObserved
from trimtab.modelversion.reasons import Reason

APPROVED = "Approved"
QUARANTINED = "Quarantined"
USES_LIMIT = 50


def decide(observed: ModelVersionObserved, now: datetime) -> Plan:
    """Approved once, approved for good: the proof may be deleted later, the bytes are pinned."""
    if observed.status.phase == "Approved":
        return _finish(observed, observed.status, _approved(), now)
    origin = observed.origin
    if origin is None or origin.uid != observed.spec.lineage.experiment.uid:
        message = (
            "no Experiment with the uid of spec.lineage.experiment exists; "
            "only versions that an Experiment made are approved"
        )
        return _registered(observed, Reason.UNKNOWN_ORIGIN, message, now)
    if origin.result == observed.name and not _has_bytes_of(observed, origin):
        message = "its artifact or image is not that of its Experiment's winner: it was made by hand"
        return _registered(observed, Reason.UNKNOWN_ORIGIN, message, now)
    if origin.result == observed.name:
        approved = observed.status.model_copy(
            update={
                "phase": "Approved",
                "history": history.append(
                    observed.status.history,
                    entry_id="approved",
                    reason=Reason.APPROVED,
                    message="named by its Experiment, whose gates passed",
                    now=now,
                ),
            }
        )
        return _finish(observed, approved, _approved(), now)
    if origin.final:
        message = "the Experiment of spec.lineage names another version, or none, as its result"
        return _registered(observed, Reason.UNKNOWN_ORIGIN, message, now)
    message = "its Experiment has not named it as its result yet"
    return _registered(observed, Reason.AWAITING_EXPERIMENT, message, now)


def _has_bytes_of(observed: ModelVersionObserved, origin: OriginObserved) -> bool:
    """Name and lineage can be copied, also onto a version that was deleted and made anew."""
    made = (observed.spec.artifact.digest, observed.spec.runtime.image)
    return made == (origin.digest, origin.image)


def _approved() -> tuple[Condition, ...]:
    return (
        *conditions.ready(Reason.APPROVED, "may be served"),
        Condition(APPROVED, "True", Reason.APPROVED, "automatic: its gates passed"),
    )


def _registered(observed: ModelVersionObserved, reason: Reason, message: str, now: datetime) -> Plan:
    state = conditions.stalled if reason is Reason.UNKNOWN_ORIGIN else conditions.progressing
    shown = (*state(reason, message), Condition(APPROVED, "False", reason, message))
    return _finish(observed, observed.status.model_copy(update={"phase": "Registered"}), shown, now)


def _finish(
    observed: ModelVersionObserved,
    status: ModelVersionStatus,
    desired: tuple[Condition, ...],
    now: datetime,
) -> Plan:
    served = tuple(
        ServedBy.model_validate({"deployment": use.deployment, "role": use.role})
        for use in observed.uses
        if use.role != QUARANTINED
    )
    quarantined = tuple(
        QuarantinedBy(deployment=use.deployment, reason=use.reason)
        for use in observed.uses
        if use.role == QUARANTINED
    )
    merged = conditions.merge(observed.status.conditions, desired, generation=observed.generation, now=now)
    moved = status.model_copy(
        update={
            "conditions": merged,
            "observed_generation": observed.generation,
            "served_by": served[:USES_LIMIT],
            "quarantined_by": quarantined[:USES_LIMIT],
        }
    )
    wire = moved.to_wire()
    return Plan(status=wire if wire != observed.status.to_wire() else None)
