"""Conditions as kstatus reads them: Ready positive, Reconciling and Stalled present only while true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import ValidationError

from trimtab.apis.v1alpha1 import meta

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"

MESSAGE_LIMIT = 1024


@dataclass(frozen=True)
class Condition:
    """A condition as decided; times and generation are added when it is merged into a status."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""


def ready(reason: str, message: str = "") -> tuple[Condition, ...]:
    return (Condition(READY, "True", reason, message),)


def progressing(reason: str, message: str = "") -> tuple[Condition, ...]:
    """Not there yet and working on it."""
    return (Condition(READY, "False", reason, message), Condition(RECONCILING, "True", reason, message))


def stalled(reason: str, message: str = "") -> tuple[Condition, ...]:
    """Will not get there until an input changes."""
    return (Condition(READY, "False", reason, message), Condition(STALLED, "True", reason, message))


def merge(
    current: Sequence[meta.Condition], desired: Sequence[Condition], *, generation: int, now: datetime
) -> tuple[meta.Condition, ...]:
    """The conditions to write: exactly the desired ones, in their order.

    ``lastTransitionTime`` moves only when the status of that type changes, so an idle object comes out equal
    and needs no write.
    """
    known = {c.type: c for c in current}
    return tuple(_stamp(d, known.get(d.type), generation=generation, now=now) for d in desired)


def with_state(
    status: Mapping[str, Any], state: Sequence[Condition], *, generation: int, now: datetime
) -> dict[str, Any]:
    """The status to write when a pass failed: its state, and what other conditions said before.

    Nothing else is touched or even read: the status may be one that this operator does not understand.
    """
    current = [condition for condition in map(_read, status.get("conditions", ())) if condition is not None]
    kept = [
        Condition(c.type, c.status, c.reason, c.message)
        for c in current
        if c.type not in (READY, RECONCILING, STALLED)
    ]
    merged = merge(current, (*state, *kept), generation=generation, now=now)
    return {**status, "observedGeneration": generation, "conditions": [c.to_wire() for c in merged]}


def _read(stored: Any) -> meta.Condition | None:
    try:
        return meta.Condition.model_validate(stored)
    except ValidationError:
        return None


def _stamp(
    desired: Condition, current: meta.Condition | None, *, generation: int, now: datetime
) -> meta.Condition:
    unchanged = current is not None and current.status == desired.status
    return meta.Condition(
        type=desired.type,
        status=desired.status,
        reason=desired.reason,
        message=desired.message[:MESSAGE_LIMIT],
        observed_generation=generation,
        last_transition_time=current.last_transition_time if unchanged and current else now,
    )


def find(conditions: Sequence[meta.Condition], type_: str) -> meta.Condition | None:
    return next((c for c in conditions if c.type == type_), None)
