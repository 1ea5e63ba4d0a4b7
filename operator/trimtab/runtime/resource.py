"""What every reconciler does with a stored object: parse it, or show on it what failed outside of decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from trimtab.apis.v1alpha1.meta import Conditions, Resource
from trimtab.model import conditions
from trimtab.model.conditions import Condition
from trimtab.model.errors import Terminal
from trimtab.model.plan import Plan

INVALID_SPEC = "InvalidSpec"

Object = dict[str, Any]
R = TypeVar("R", bound=Resource)


class Status(Protocol):
    """The part of a status that all kinds share."""

    @property
    def conditions(self) -> Conditions: ...

    def model_copy(self, *, update: dict[str, Any]) -> Any: ...

    def to_wire(self) -> dict[str, Any]: ...


def parse(model: type[R], obj: Object) -> R:
    """The object as its model. Raises Terminal for one that another version of the schema let in."""
    try:
        return model.model_validate(obj)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Terminal(
            INVALID_SPEC, f"{where}: {first['msg']}; the stored object does not fit this operator's schema"
        ) from error


def condition_plan(obj: Object, status: Status, desired: tuple[Condition, ...], now: datetime) -> Plan:
    """The plan that changes nothing but the conditions."""
    generation = obj["metadata"]["generation"]
    merged = conditions.with_state(status.conditions, desired, generation=generation, now=now)
    wire = status.model_copy(update={"conditions": merged, "observed_generation": generation}).to_wire()
    return Plan(status=wire if wire != status.to_wire() else None)
