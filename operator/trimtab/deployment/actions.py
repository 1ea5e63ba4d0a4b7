"""Actions of people: tokens in an annotation, never edits of the spec that GitOps would revert.

    trimtab.dev/action: '{"action":"promote","revision":"8a11d2c4","step":2,"token":"...","by":"ann"}'

A token is carried out once, and only for the revision and the step that it names: an approval that arrives
late approves nothing else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.deployment_status import ActionStatus, DeploymentStatus

PROMOTE, ABORT = "promote", "abort"
ACTIONS = (PROMOTE, ABORT)
MAX_CHARACTERS = 2048


@dataclass(frozen=True)
class Action:
    """What somebody asked for."""

    action: str
    revision: str
    step: int
    token: str
    by: str


def parse(text: str) -> Action | None:
    """The annotation as an action; None if it is not one."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict) or value.get("action") not in ACTIONS:
        return None
    token, step = value.get("token"), value.get("step", 0)
    if not isinstance(token, str) or not 0 < len(token) <= 64 or not isinstance(step, int):
        return None
    return Action(
        value["action"], str(value.get("revision", "")), step, token, str(value.get("by", ""))[:200]
    )


def pending(text: str, status: DeploymentStatus) -> Action | None:
    """The action that waits to be carried out: readable, and not the last one."""
    action = parse(text) if text else None
    if action is None or (status.last_action is not None and status.last_action.token == action.token):
        return None
    return action


def fits(action: Action, status: DeploymentStatus) -> bool:
    """Whether the action speaks of the candidate and the step that there are now."""
    if status.candidate is None or status.step is None or status.abort is not None:
        return False
    return (action.revision, action.step) == (status.candidate.revision, status.step.index)


def record(action: Action, *, done: bool, now: datetime) -> ActionStatus:
    """The line that keeps the token from being carried out again. Nobody has checked ``by``: it says so."""
    return ActionStatus(
        token=action.token,
        action=action.action,
        by=f"unverified: {action.by}" if action.by else "unverified",
        outcome="Done" if done else "StaleAction",
        at=now,
    )
