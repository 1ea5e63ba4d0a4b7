"""The generator: what each construct becomes, and that everything outside the vocabulary is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, Optional

import pytest
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StringConstraints,
    computed_field,
    create_model,
    field_validator,
    model_validator,
)

from trimtab.apis.constraints import UnsupportedConstruct
from trimtab.apis.markers import ATOMIC, SET, IntOrString, MapKeys, Rule, list_map
from trimtab.apis.schema import field_schema, object_schema
from trimtab.apis.v1alpha1.meta import ApiModel, SpecModel

Short = Annotated[str, StringConstraints(max_length=8)]
KEYS = MapKeys("^[a-z]+$", 5, "keys are short words")


class Item(SpecModel):
    """One item."""

    name: Short
    """Its name."""
    size: int | None = None
    """Its size."""


class Color(Enum):
    RED = "red"


def schema_of(annotation: Any, default: Any = ...) -> dict[str, Any]:
    """The schema of a described field of that type, without its description."""
    model = create_model("M", __base__=SpecModel, f=(annotation, Field(default, description="Text.")))
    schema = field_schema(model.model_fields["f"], "f")
    schema.pop("description")
    return schema


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (bool, {"type": "boolean"}),
        (int, {"type": "integer", "format": "int64"}),
        (
            Annotated[int, Field(ge=1, le=9)],
            {"type": "integer", "format": "int64", "minimum": 1, "maximum": 9},
        ),
        (
            Annotated[str, StringConstraints(min_length=1, max_length=4, pattern="^a")],
            {"type": "string", "minLength": 1, "maxLength": 4, "pattern": "^a"},
        ),
        (Annotated[str, Field(max_length=4)], {"type": "string", "maxLength": 4}),
        (Literal["a"], {"type": "string", "enum": ["a"]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (AwareDatetime, {"type": "string", "format": "date-time"}),
        (
            Annotated[Short, IntOrString()],
            {
                "anyOf": [{"type": "integer"}, {"type": "string"}],
                "maxLength": 8,
                "x-kubernetes-int-or-string": True,
            },
        ),
        (
            Annotated[tuple[Short, ...], Field(min_length=1, max_length=3), SET],
            {
                "type": "array",
                "minItems": 1,
                "maxItems": 3,
                "x-kubernetes-list-type": "set",
                "items": {"type": "string", "maxLength": 8},
            },
        ),
        (
            Annotated[dict[str, bool], Field(max_length=3), KEYS],
            {
                "type": "object",
                "maxProperties": 3,
                "additionalProperties": {"type": "boolean"},
                "x-kubernetes-validations": [
                    {
                        "rule": "self.all(key, key.size() <= 5 && key.matches('^[a-z]+$'))",
                        "message": "keys are short words",
                    }
                ],
            },
        ),
        (
            Annotated[bool, Rule("self", "must be true")],
            {"type": "boolean", "x-kubernetes-validations": [{"rule": "self", "message": "must be true"}]},
        ),
    ],
)
def test_a_construct_of_the_vocabulary(annotation: Any, expected: dict[str, Any]) -> None:
    assert schema_of(annotation) == expected


@pytest.mark.parametrize("annotation", [Short | None, Optional[Short]])  # noqa: UP045 - both spellings occur
def test_none_is_absence_not_a_value(annotation: Any) -> None:
    assert schema_of(annotation, None) == schema_of(Short)


def test_a_list_map_keeps_its_keys_and_inlines_its_items() -> None:
    schema = schema_of(Annotated[tuple[Item, ...], Field(max_length=2), list_map("name")])
    assert schema["x-kubernetes-list-map-keys"] == ["name"]
    assert schema["items"]["description"] == "One item."
    assert schema["items"]["required"] == ["name"]
    assert "$ref" not in str(schema)


def test_rules_of_a_model_and_camel_case_names() -> None:
    class Ruled(SpecModel):
        """Ruled."""

        rules: ClassVar = (Rule("has(self.someField)", "set someField"),)
        some_field: Short = "x"
        """Text."""

    schema = object_schema(Ruled)
    assert schema["properties"]["someField"]["description"] == "Text. Default: x."
    assert schema["x-kubernetes-validations"] == [{"rule": "has(self.someField)", "message": "set someField"}]
    assert "required" not in schema
    assert "default" not in str(schema).replace("Default: x", "")


def test_a_field_without_text_takes_that_of_its_model() -> None:
    class Outer(SpecModel):
        """Outer."""

        plain: Item
        described: Item
        """Why it is here."""

    properties = object_schema(Outer)["properties"]
    assert properties["plain"]["description"] == "One item."
    assert properties["described"]["description"] == "Why it is here.\nOne item."


@pytest.mark.parametrize(
    ("annotation", "complaint"),
    [
        (str, "needs a max_length"),
        (float, "use Decimal"),
        (bytes, "not in the vocabulary"),
        (Any, "not in the vocabulary"),
        (Color, "not in the vocabulary"),
        (datetime, "not in the vocabulary"),
        (Literal[1, 2], "only strings may be enumerated"),
        (int | bool, "is a union"),
        (int | bool | None, "is a union"),
        (list[int], r"use tuple\[X, ...\]"),
        (set[int], r"use tuple\[X, ...\]"),
        (dict, r"dict\[str, X\]"),
        (tuple[int, int], "fixed length"),
        (tuple[int, ...], "needs a ListType and a max_length"),
        (Annotated[tuple[int, ...], ATOMIC], "needs a ListType and a max_length"),
        (Annotated[tuple[int, ...], Field(max_length=3)], "needs a ListType and a max_length"),
        (Annotated[tuple[Item, ...], Field(max_length=3), SET], "only scalars form a set"),
        (Annotated[tuple[Item, ...], Field(max_length=3), list_map()], "required fields of its items"),
        (Annotated[tuple[Item, ...], Field(max_length=3), list_map("size")], "required fields of its items"),
        (Annotated[tuple[int, ...], Field(max_length=3), list_map("name")], "required fields of its items"),
        (dict[str, int], "needs MapKeys and a max_length"),
        (Annotated[dict[str, int], Field(max_length=3)], "needs MapKeys and a max_length"),
        (Annotated[dict[str, int], KEYS], "needs MapKeys and a max_length"),
        (Annotated[dict[int, int], Field(max_length=3), KEYS], "plain str"),
        (Annotated[dict[Short, int], Field(max_length=3), KEYS], "plain str"),
        (Annotated[int, Field(gt=0)], "has no equal"),
        (Annotated[int, Field(multiple_of=2)], "has no equal"),
        (Annotated[int, AfterValidator(abs)], "cannot run a validator"),
        (Annotated[Short, BeforeValidator(str.strip)], "cannot run a validator"),
        (Annotated[str, StringConstraints(max_length=3, to_lower=True)], "changes no strings"),
        (Annotated[str, StringConstraints(max_length=3, strip_whitespace=True)], "changes no strings"),
    ],
)
def test_what_is_not_in_the_vocabulary_is_refused(annotation: Any, complaint: str) -> None:
    with pytest.raises(UnsupportedConstruct, match=f"^f.*{complaint}"):
        schema_of(annotation)


def _undescribed() -> type[ApiModel]:
    class Undescribed(SpecModel):
        """Model."""

        f: int

    return Undescribed


def _recursive() -> type[ApiModel]:
    class Tree(SpecModel):
        """Tree."""

        child: Tree | None = None
        """Child."""

    Tree.model_rebuild(_types_namespace={"Tree": Tree})
    return Tree


def _with_field_validator() -> type[ApiModel]:
    class Validated(SpecModel):
        """Model."""

        f: int
        """Text."""

        @field_validator("f")
        @classmethod
        def check(cls, value: int) -> int:
            return value

    return Validated


def _with_model_validator() -> type[ApiModel]:
    class Validated(SpecModel):
        """Model."""

        f: int
        """Text."""

        @model_validator(mode="after")
        def check(self) -> Validated:
            return self

    return Validated


def _with_computed_field() -> type[ApiModel]:
    class Computed(SpecModel):
        """Model."""

        f: int
        """Text."""

        @computed_field  # type: ignore[prop-decorator]
        @property
        def twice(self) -> int:
            return 2 * self.f

    return Computed


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (_undescribed, r"Undescribed\.f: has no description"),
        (_recursive, r"Tree\.child: Tree contains itself"),
        (_with_field_validator, "has validators"),
        (_with_model_validator, "has validators"),
        (_with_computed_field, "has computed fields"),
    ],
)
def test_a_model_that_hides_something_is_refused(make: Callable[[], type[ApiModel]], complaint: str) -> None:
    with pytest.raises(UnsupportedConstruct, match=complaint):
        object_schema(make())
