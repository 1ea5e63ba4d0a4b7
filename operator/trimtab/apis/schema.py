"""pydantic models -> structural OpenAPI v3 schema of a CRD, over a closed vocabulary.

Whatever is not listed here is refused by name with its remedy, never guessed: a construct that pydantic
checks and the API server does not (or reads differently) would let objects in that the operator cannot read.

| Python                                | schema                                                             |
|---------------------------------------|--------------------------------------------------------------------|
| nested model                          | the object, inlined; recursion is refused                          |
| `X | None = None`                     | X, not required                                                    |
| `Literal["a", "b"]`                   | string with enum                                                   |
| `str` with a maximal length           | string; pattern, minLength, maxLength                              |
| `int` with ge, le                     | integer, int64                                                     |
| `bool`                                | boolean                                                            |
| `AwareDatetime`                       | string, date-time                                                  |
| `tuple[X, ...]` with `ListType`       | array, x-kubernetes-list-type, maxItems                            |
| `dict[str, X]` with `MapKeys`         | object with additionalProperties, maxProperties and a rule on keys |
| `IntOrString` on a string             | x-kubernetes-int-or-string                                         |
| a default                             | a sentence in the description                                      |
| `Rule` on a field or a model          | x-kubernetes-validations                                           |

A default is not emitted as `default:` because the server would write it into the user's stored object, and a
changed default would then change old and new objects differently.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from trimtab.apis.constraints import Constraints, UnsupportedConstruct, present, read_constraints
from trimtab.apis.markers import ListType, MapKeys, Rule
from trimtab.apis.v1alpha1.meta import ApiModel

Schema = dict[str, Any]
Path = tuple[type, ...]
"""The models around a value, outermost first."""


def object_schema(model: type[ApiModel], where: str = "", parents: Path = ()) -> Schema:
    """The schema of a model's members. `where` is the field path, used in refusals."""
    where = where or model.__name__
    _refuse_hidden_checks(model, where)
    if model in parents:
        raise UnsupportedConstruct(f"{where}: {model.__name__} contains itself; a schema is a finite tree")
    members = {str(info.alias or name): info for name, info in model.model_fields.items()}
    schema: Schema = {"type": "object", "description": paragraph(model.__doc__ or "")}
    schema["properties"] = {
        name: field_schema(info, f"{where}.{name}", (*parents, model)) for name, info in members.items()
    }
    required = [name for name, info in members.items() if info.is_required()]
    return with_rules(schema | ({"required": required} if required else {}), model.rules)


def field_schema(info: FieldInfo, where: str, parents: Path = ()) -> Schema:
    """The schema of one field, described by its own text and default, or by the text of its model."""
    schema = _value_schema(info.annotation, info.metadata, where, parents)
    of_model = schema.pop("description", "")
    if not (info.description or of_model):
        raise UnsupportedConstruct(f"{where}: has no description; write it as a text under the field")
    default = default_text(info)
    of_field = paragraph(info.description or "") + (f" Default: {default}." if default else "")
    return {"description": (of_field + "\n" + of_model).strip()} | schema


def paragraph(text: str) -> str:
    """A docstring with one line per paragraph."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n".join(" ".join(part.split()) for part in paragraphs)


def default_text(info: FieldInfo) -> str:
    """What a field is when it is left out; empty for required fields and for empty defaults."""
    default = info.default
    if info.is_required() or default is PydanticUndefined or default in (None, (), ""):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def with_rules(schema: Schema, rules: Iterable[Rule]) -> Schema:
    """Rules of the same value stand together, in the order in which they were written."""
    added = [{"rule": rule.expression, "message": rule.message} for rule in rules]
    all_rules = [*schema.get("x-kubernetes-validations", []), *added]
    return schema | ({"x-kubernetes-validations": all_rules} if all_rules else {})


def unwrap(annotation: Any, metadata: tuple[Any, ...] = ()) -> tuple[Any, tuple[Any, ...]]:
    """Strip `Annotated` and `| None`; returns the bare type and what the wrappers carried, inner first."""
    if get_origin(annotation) is Annotated:
        inner, *inner_metadata = get_args(annotation)
        return unwrap(inner, (*inner_metadata, *metadata))
    members = get_args(annotation)
    if _is_union(annotation) and type(None) in members and len(members) == 2:
        return unwrap(next(member for member in members if member is not type(None)), metadata)
    return annotation, metadata


def _value_schema(annotation: Any, metadata: Iterable[Any], where: str, parents: Path) -> Schema:
    bare, carried = unwrap(annotation, tuple(metadata))
    has = read_constraints(carried, where)
    if has.converts and bare is not AwareDatetime and not has.int_or_string:
        raise UnsupportedConstruct(f"{where}: the API server cannot run a validator; say it as a Rule")
    origin = get_origin(bare)
    if origin is tuple:
        schema = _list_schema(get_args(bare), has, where, parents)
    elif origin is dict:
        schema = _map_schema(get_args(bare), has, where, parents)
    elif isinstance(bare, type) and issubclass(bare, ApiModel):
        schema = object_schema(bare, where, parents)
    else:
        schema = _scalar_schema(bare, has, where)
    return with_rules(schema, has.rules)


def _scalar_schema(bare: Any, has: Constraints, where: str) -> Schema:
    if get_origin(bare) is Literal:
        return _enum_schema(get_args(bare), where)
    if bare is str:
        return _string_schema(has, where)
    if bare is int:
        return {"type": "integer", "format": "int64"} | present(minimum=has.minimum, maximum=has.maximum)
    if bare is bool:
        return {"type": "boolean"}
    if bare is AwareDatetime:
        return {"type": "string", "format": "date-time"}
    raise UnsupportedConstruct(f"{where}: {bare!r} {_remedy(bare)}")


def _enum_schema(values: tuple[Any, ...], where: str) -> Schema:
    if not all(isinstance(value, str) for value in values):
        raise UnsupportedConstruct(f"{where}: only strings may be enumerated")
    return {"type": "string", "enum": list(values)}


def _string_schema(has: Constraints, where: str) -> Schema:
    if has.max_length is None:
        raise UnsupportedConstruct(f"{where}: a string needs a max_length, or CEL costs have no bound")
    limits = present(minLength=has.min_length, maxLength=has.max_length, pattern=has.pattern)
    if has.int_or_string:
        either: Schema = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
        return either | limits | {"x-kubernetes-int-or-string": True}
    return {"type": "string"} | limits


def _list_schema(members: tuple[Any, ...], has: Constraints, where: str, parents: Path) -> Schema:
    if len(members) != 2 or members[1] is not Ellipsis:
        raise UnsupportedConstruct(f"{where}: a tuple of fixed length; use tuple[X, ...] or a model")
    if has.list_type is None or has.max_length is None:
        raise UnsupportedConstruct(f"{where}: a list needs a ListType and a max_length")
    items = _value_schema(members[0], (), f"{where}[]", parents)
    _check_list_type(has.list_type, items, where)
    return (
        {"type": "array"}
        | present(minItems=has.min_length, maxItems=has.max_length)
        | {"x-kubernetes-list-type": has.list_type.kind}
        | ({"x-kubernetes-list-map-keys": list(has.list_type.keys)} if has.list_type.keys else {})
        | {"items": items}
    )


def _check_list_type(list_type: ListType, items: Schema, where: str) -> None:
    is_map = list_type.kind == "map"
    if is_map and not (list_type.keys and set(list_type.keys) <= set(items.get("required", []))):
        raise UnsupportedConstruct(f"{where}: the keys of a list map must be required fields of its items")
    if list_type.kind == "set" and items.get("type") in ("object", "array"):
        raise UnsupportedConstruct(f"{where}: only scalars form a set; use a list map or an atomic list")


def _map_schema(members: tuple[Any, ...], has: Constraints, where: str, parents: Path) -> Schema:
    if members[0] is not str:
        raise UnsupportedConstruct(f"{where}: keys of a map are plain str; say their form in MapKeys")
    if has.map_keys is None or has.max_length is None:
        raise UnsupportedConstruct(f"{where}: a map needs MapKeys and a max_length")
    schema: Schema = {"type": "object"}
    schema |= present(minProperties=has.min_length, maxProperties=has.max_length)
    schema["additionalProperties"] = _value_schema(members[1], (), f"{where}.*", parents)
    return with_rules(schema, (key_rule(has.map_keys),))


def key_rule(keys: MapKeys) -> Rule:
    """CRDs know no patternProperties: the keys of a map are checked by a rule."""
    pattern = keys.pattern.replace("\\", "\\\\")
    return Rule(f"self.all(key, key.size() <= {keys.max_length} && key.matches('{pattern}'))", keys.message)


def _refuse_hidden_checks(model: type[ApiModel], where: str) -> None:
    """pydantic-only checks would make the operator refuse what the API server has let in."""
    decorators = model.__pydantic_decorators__
    if decorators.field_validators or decorators.model_validators or decorators.validators:
        raise UnsupportedConstruct(f"{where}: {model.__name__} has validators; say them as Rules")
    if decorators.computed_fields:
        raise UnsupportedConstruct(f"{where}: {model.__name__} has computed fields; use properties")


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _remedy(bare: Any) -> str:
    if bare is float:
        return "does not survive YAML and JSON unchanged; use Decimal, a string with a pattern"
    if (get_origin(bare) or bare) in (list, set, frozenset, tuple, dict):
        return "is mutable, unordered or of unknown members; use tuple[X, ...] or dict[str, X]"
    if _is_union(bare):
        return "is a union; use one optional member per variant, a `type` and a Rule"
    return "is not in the vocabulary of CRD schemas"
