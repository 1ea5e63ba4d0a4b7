"""The pods of the revision before stay for a while after a promotion: going back takes one pass then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from trimtab.apis.v1alpha1.meta import deadline_seconds
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision


def scale_down_at(observed: DeploymentObserved, now: datetime) -> datetime | None:
    """Until when they stay if the promotion is in this pass; None: they go at once."""
    delay = observed.spec.rollout.scale_down_delay
    if delay is None or observed.status.stable is None:
        return None
    return now + timedelta(seconds=deadline_seconds(delay))


def follow(observed: DeploymentObserved, decision: Decision, now: datetime) -> Decision:
    """What else is decided, and the end of the delay: when it is over, or no longer asked for."""
    until = decision.status.scale_down_at
    if until is None:
        return decision
    if observed.spec.rollout.scale_down_delay is None or now >= until:
        return replace(decision, status=decision.status.model_copy(update={"scale_down_at": None}))
    return replace(decision, wake_at=until if decision.wake_at is None else min(until, decision.wake_at))
