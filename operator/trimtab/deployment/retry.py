"""`trimtab retry`: a person lifts a quarantine, and what is decided afterwards is decided without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trimtab.deployment import actions
from trimtab.deployment.abort import is_quarantined
from trimtab.deployment.actions import Action
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason


def pending(observed: DeploymentObserved) -> Action | None:
    """The quarantine that somebody wants lifted."""
    action = actions.pending(observed.action, observed.status)
    return action if action is not None and action.action == actions.RETRY else None


def lifted(observed: DeploymentObserved, action: Action, now: datetime) -> DeploymentObserved:
    """The same world without the entry; the token is carried out, or refused if there is no such entry."""
    status = observed.status
    revision, _ = actions.named(action)
    done = actions.record(action, done=is_quarantined(status, revision) is not None, now=now)
    left = tuple(entry for entry in status.quarantine if entry.revision != revision)
    return replace(observed, status=status.model_copy(update={"quarantine": left, "last_action": done}))


def noted(decision: Decision, observed: DeploymentObserved, action: Action, now: datetime) -> Decision:
    """With what became of it. ``observed``: before it was lifted."""
    revision, _ = actions.named(action)
    entry = is_quarantined(observed.status, revision)
    if entry is None:
        text = f"retry names revision {revision}, which is not in quarantine"
        return decision.note(f"stale-{action.token}"[:64], Reason.STALE_ACTION, text, now, warning=True)
    text = f"{entry.model_version}, revision {revision}, may be tried again: {actions.author(action)}"
    return decision.note(f"retry-{action.token}"[:64], Reason.QUARANTINE_LIFTED, text, now)
