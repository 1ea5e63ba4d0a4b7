"""Actions of people: tokens in an annotation, never edits of the spec that GitOps would revert.

    trimtab.dev/action: '{"action":"promote","revision":"8a11d2c4","step":2,"token":"...","by":"ann"}'

A token is carried out once, and only for what it names: an approval that arrives late approves nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.meta import ActionStatus

MAX_CHARACTERS = 2048


@dataclass(frozen=True)
class Action:
    """What somebody asked for. ``about``: the members that name what it is for."""

    action: str
    token: str
    by: str
    about: Mapping[str, Any] = field(default_factory=dict)


def pending(text: str, actions: Collection[str], last: ActionStatus | None) -> Action | None:
    """The action that waits to be carried out: readable, one of ours, and not the last one."""
    action = parse(text, actions) if text else None
    return None if action is None or (last is not None and last.token == action.token) else action


def parse(text: str, actions: Collection[str]) -> Action | None:
    """The annotation as an action; None if it is not one."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict) or value.get("action") not in actions:
        return None
    token = value.get("token")
    if not isinstance(token, str) or not 0 < len(token) <= 64:
        return None
    about = {key: value[key] for key in value if key not in ("action", "token", "by")}
    return Action(value["action"], token, str(value.get("by", ""))[:200], about)


def record(action: Action, *, done: bool, now: datetime) -> ActionStatus:
    """The line that keeps the token from being carried out again. Nobody has checked ``by``: it says so."""
    return ActionStatus(
        token=action.token,
        action=action.action,
        by=f"unverified: {action.by}" if action.by else "unverified",
        outcome="Done" if done else "StaleAction",
        at=now,
    )
