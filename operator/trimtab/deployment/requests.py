"""What people ask of a Deployment whether or not a candidate is on its way: `trimtab retry` and `rollback`.

Either is carried out, or refused, in the pass that sees it; what else that pass decides, it decides on the
status with the answer in it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from trimtab.deployment import actions, rollback
from trimtab.deployment.abort import is_quarantined
from trimtab.deployment.actions import Action
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason

Decide = Callable[[DeploymentObserved, datetime], Decision]


def pending(observed: DeploymentObserved) -> Action | None:
    """The request that waits to be carried out."""
    action = actions.pending(observed.action, observed.status)
    return action if action is not None and action.action in (actions.RETRY, actions.ROLLBACK) else None


def answer(observed: DeploymentObserved, action: Action, decide: Decide, now: datetime) -> Decision:
    """The pass that sees the request. ``decide``: what is decided without one."""
    if action.action == actions.RETRY:
        return _retry(observed, action, decide, now)
    if not rollback.fits(action, observed.status):
        text = "rollback names revisions that are not stable and lastGood, or a candidate is on its way"
        return _refused(observed, action, decide, text, now)
    return rollback.by_person(_recorded(observed, action, done=True, now=now), action, now)


def _retry(observed: DeploymentObserved, action: Action, decide: Decide, now: datetime) -> Decision:
    """The quarantine is lifted, and what is decided is decided without it."""
    revision, _ = actions.named(action)
    entry = is_quarantined(observed.status, revision)
    if entry is None:
        text = f"retry names revision {revision}, which is not in quarantine"
        return _refused(observed, action, decide, text, now)
    left = tuple(known for known in observed.status.quarantine if known is not entry)
    lifted = replace(observed, status=observed.status.model_copy(update={"quarantine": left}))
    text = f"{entry.model_version}, revision {revision}, may be tried again: {actions.author(action)}"
    decision = decide(_recorded(lifted, action, done=True, now=now), now)
    return decision.note(f"retry-{action.token}"[:64], Reason.QUARANTINE_LIFTED, text, now)


def _refused(
    observed: DeploymentObserved, action: Action, decide: Decide, text: str, now: datetime
) -> Decision:
    """Said once; all goes on as if nothing had been asked."""
    decision = decide(_recorded(observed, action, done=False, now=now), now)
    return decision.note(f"stale-{action.token}"[:64], Reason.STALE_ACTION, text, now, warning=True)


def _recorded(
    observed: DeploymentObserved, action: Action, *, done: bool, now: datetime
) -> DeploymentObserved:
    last = actions.record(action, done=done, now=now)
    return replace(observed, status=observed.status.model_copy(update={"last_action": last}))
