"""What a CRD schema says and a Python type cannot: list types, map keys, CEL rules, wire forms.

Markers stand in `Annotated[...]`; rules of a whole object stand in its class variable `rules`.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rule:
    """A CEL validation rule.

    `expression` sees the value as `self` and, in a transition rule, the stored one as `oldSelf`.
    `message` is what a user reads: it says what to change, in the user's field names.
    """

    expression: str
    message: str

    @property
    def is_transition(self) -> bool:
        return "oldSelf" in self.expression


@dataclass(frozen=True)
class ListType:
    """How server-side apply merges a list: as a whole, as a set of scalars, or by key fields."""

    kind: Literal["atomic", "set", "map"]
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class MapKeys:
    """What the keys of a map look like; becomes a CEL rule, since CRDs know no patternProperties."""

    pattern: str
    max_length: int
    message: str


@dataclass(frozen=True)
class IntOrString:
    """The value may be written as an integer or as a string (quantities: `cpu: 1` and `cpu: 500m`)."""


ATOMIC = ListType("atomic")
SET = ListType("set")


def list_map(*keys: str) -> ListType:
    """A list merged and kept unique by `keys`."""
    return ListType("map", keys)
