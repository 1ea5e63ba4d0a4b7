"""What every reconciler does first with a stored object: parse it."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from trimtab.apis.v1alpha1.meta import Resource
from trimtab.model.errors import Terminal

INVALID_SPEC = "InvalidSpec"

Object = dict[str, Any]
R = TypeVar("R", bound=Resource)


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
