"""Rollback: a performance that was bad from the first window of a version on, after one that performed.

That is the rollout's doing, not the world's: the version before did well until its last window. A drop that
comes after healthy windows is not undone by an older model, which was trained on older data. What is decided
here is carried out by the Deployment, which reads it from this status.
"""

from __future__ import annotations

from datetime import datetime

from trimtab.apis.v1alpha1.driftmonitor_status import (
    DecisionStatus,
    DecisionTarget,
    DriftMonitorStatus,
    PreviousStatus,
    ReferenceStatus,
    SignalStatus,
)
from trimtab.driftmonitor.observed import DriftMonitorObserved, Reference
from trimtab.driftmonitor.outcome import Outcome
from trimtab.driftmonitor.reasons import Reason
from trimtab.driftmonitor.signals import Signal

ROLLBACK = "Rollback"


def is_due(observed: DriftMonitorObserved) -> bool:
    """Whether a performance that is raised came with the rollout, and the Deployment can go back to the
    version that performed."""
    reference, way_back = observed.status.reference, observed.way_back
    if reference is None or reference.performed or reference.previous is None or way_back is None:
        return False
    return reference.previous.performed and reference.previous.model_version == way_back.to


def judged(reference: ReferenceStatus | None, signals: tuple[SignalStatus, ...]) -> ReferenceStatus | None:
    """``reference`` after a window with these signals."""
    performance = _performance(signals)
    if reference is None or performance is None or performance.verdict != "Healthy":
        return reference
    return reference.model_copy(update={"performed": True})


def succeeded(before: DriftMonitorStatus, after: Reference, now: datetime) -> ReferenceStatus:
    """The reference of the version that has taken over, with what is remembered of the one before.

    Other settings of the same version, or another profile of it, are no rollout to go back from.
    """
    known = before.reference
    previous = None
    if known is not None and known.model_version != after.model_version:
        performance = _performance(before.signals)
        raised = performance is not None and performance.raised
        previous = PreviousStatus(model_version=known.model_version, performed=known.performed and not raised)
    return ReferenceStatus(
        model_version=after.model_version,
        digest=after.digest,
        profile_digest=after.profile_digest,
        since=now,
        previous=previous,
    )


def asked(observed: DriftMonitorObserved, decision: DecisionStatus) -> DecisionStatus:
    """The decision with whom it asks."""
    if observed.way_back is None:
        raise AssertionError("is_due says that there is a way back")
    target = DecisionTarget(
        kind="Deployment",
        name=observed.spec.deployment_ref.name,
        revision=observed.way_back.revision,
        to=observed.way_back.to,
    )
    state = "Approved" if observed.spec.mode == "Auto" else "Suggested"
    return decision.model_copy(update={"target": target, "state": state})


def noted(outcome: Outcome, decision: DecisionStatus, now: datetime) -> Outcome:
    """History says what is asked for, or that it waits for a person."""
    waits = decision.state == "Suggested"
    reason = Reason.ROLLBACK_SUGGESTED if waits else Reason.ROLLBACK_ASKED
    entry = f"{decision.id}-{'suggested' if waits else 'asked'}"
    return outcome.note(entry, reason, f"{decision.id}: {decision.evidence.message}", now, warning=True)


def carried_out(status: DriftMonitorStatus, decision: DecisionStatus) -> bool:
    """Whether the version that serves now is the one that the decision goes back to."""
    reference = status.reference
    return (
        decision.action == ROLLBACK
        and decision.state == "Approved"
        and decision.target is not None
        and reference is not None
        and reference.model_version == decision.target.to
    )


def _performance(signals: tuple[SignalStatus, ...]) -> SignalStatus | None:
    return next((s for s in signals if Signal(s.signal) is Signal.REALISED_PERFORMANCE), None)
