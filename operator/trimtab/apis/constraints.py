"""The metadata of an annotation, read into one record; metadata without an equal in a CRD is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints
from pydantic.fields import FieldInfo

from trimtab.apis.markers import IntOrString, ListType, MapKeys, Rule


class UnsupportedConstruct(TypeError):
    """A model uses something a CRD schema cannot express; the message names the field and the remedy."""


@dataclass(frozen=True)
class Constraints:
    """What an annotation says about its values, besides their type."""

    minimum: int | None = None
    maximum: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    list_type: ListType | None = None
    map_keys: MapKeys | None = None
    int_or_string: bool = False
    converts: bool = False
    """Python changes or checks the value with code of its own."""
    rules: tuple[Rule, ...] = ()


def read_constraints(metadata: Iterable[Any], where: str) -> Constraints:
    """All metadata of one annotation; where two say the same, the outer one wins."""
    items = list(_flatten(metadata))
    found: dict[str, Any] = {}
    for item in items:
        found |= _constraint(item, where)
    return Constraints(**found, rules=tuple(item for item in items if isinstance(item, Rule)))


def present(**members: Any) -> dict[str, Any]:
    """The members that have a value."""
    return {key: value for key, value in members.items() if value is not None}


def _flatten(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from _flatten(item.metadata)
        else:
            yield item


def _constraint(item: Any, where: str) -> dict[str, Any]:
    found: dict[str, Any]
    match item:
        case Rule():
            found = {}
        case Ge(ge):
            found = {"minimum": ge}
        case Le(le):
            found = {"maximum": le}
        case MinLen(length):
            found = {"min_length": length}
        case MaxLen(length):
            found = {"max_length": length}
        case StringConstraints():
            found = _string_constraints(item, where)
        case ListType():
            found = {"list_type": item}
        case MapKeys():
            found = {"map_keys": item}
        case IntOrString():
            found = {"int_or_string": True}
        case AfterValidator() | BeforeValidator() | PlainSerializer():
            found = {"converts": True}
        case _:
            raise UnsupportedConstruct(
                f"{where}: {item!r} has no equal in a CRD schema; use ge, le, a length, a pattern or a Rule"
            )
    return found


def _string_constraints(item: StringConstraints, where: str) -> dict[str, Any]:
    if item.strip_whitespace or item.to_lower or item.to_upper or item.ascii_only:
        raise UnsupportedConstruct(f"{where}: the API server changes no strings; use a pattern")
    return present(min_length=item.min_length, max_length=item.max_length, pattern=item.pattern)
