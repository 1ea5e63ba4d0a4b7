"""Who gets which role when a candidate has proved itself, and when stable is left again.

Roles exist in status only. What served before is remembered in order, so that a rollback has somewhere to go,
and the one after it too.
"""

from __future__ import annotations

from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side


def promoted(status: DeploymentStatus, candidate: Side, limit: int, now: datetime) -> DeploymentStatus:
    """The candidate is stable, and what was stable is what a rollback goes back to."""
    former = status.stable.model_copy(update={"since": now}) if status.stable else None
    sides = [side for side in (former, status.last_good, *status.older_good) if side is not None]
    good = [side for side in sides if side.revision != candidate.revision][:limit]
    return _moved(status, candidate, good, now)


def rolled_back(status: DeploymentStatus, to: Side, now: datetime) -> DeploymentStatus:
    """``to`` is stable again; what served before it is what the next rollback would go back to."""
    return _moved(status, to, list(status.older_good), now).model_copy(update={"rollback": None})


def recorded(status: DeploymentStatus) -> set[str]:
    """The revisions whose frozen record is still of use."""
    sides = (status.stable, status.candidate, status.last_good, *status.older_good)
    return {side.revision for side in sides if side is not None}


def _moved(status: DeploymentStatus, stable: Side, good: list[Side], now: datetime) -> DeploymentStatus:
    return status.model_copy(
        update={
            "phase": "Progressing",
            "stable": stable.model_copy(update={"since": now}),
            "candidate": None,
            "step": None,
            "weight": None,
            "analysis": (),
            "probation": None,
            "scale_down_at": None,
            "experiment": None,
            "last_good": good[0] if good else None,
            "older_good": tuple(good[1:]),
        }
    )
