"""What people may ask of a rollout: to end the wait of a step, to give the candidate up, to try again what
failed, or to go back.

A token names what its author saw: the candidate's revision and step, the revision in quarantine, or the one
that is to be left and the one that is gone back to.
"""

from __future__ import annotations

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.model import actions
from trimtab.model.actions import Action, record

PROMOTE, ABORT, RETRY, ROLLBACK = "promote", "abort", "retry", "rollback"
ACTIONS = (PROMOTE, ABORT, RETRY, ROLLBACK)


def parse(text: str) -> Action | None:
    """The annotation as an action on a rollout; None if it is not one."""
    return _readable(actions.parse(text, ACTIONS))


def pending(text: str, status: DeploymentStatus) -> Action | None:
    """The action that waits to be carried out: readable, and not the last one."""
    return _readable(actions.pending(text, ACTIONS, status.last_action))


def _readable(action: Action | None) -> Action | None:
    return action if action is not None and isinstance(action.about.get("step", 0), int) else None


def named(action: Action) -> tuple[str, int]:
    """The revision and the step that it is for."""
    return str(action.about.get("revision", "")), action.about.get("step", 0)


def fits(action: Action, status: DeploymentStatus) -> bool:
    """Whether the action speaks of the candidate and the step that there are now."""
    if status.candidate is None or status.step is None or status.abort is not None:
        return False
    return named(action) == (status.candidate.revision, status.step.index)


def author(action: Action) -> str:
    """Who asked for it, as far as anybody knows."""
    return f"by {action.by} (unverified)" if action.by else "by somebody (unverified)"


__all__ = [
    "ABORT",
    "ACTIONS",
    "PROMOTE",
    "RETRY",
    "ROLLBACK",
    "Action",
    "author",
    "fits",
    "named",
    "parse",
    "pending",
    "record",
]
