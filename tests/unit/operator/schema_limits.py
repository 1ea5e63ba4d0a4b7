"""Whether the API server would store a status: the generated schema, and what list types add to it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from trimtab.apis.crd import resource_schema
from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.apis.v1alpha1.experiment import Experiment
from trimtab.apis.v1alpha1.modelversion import ModelVersion

MODELS = {model.__name__: model for model in (Deployment, Experiment, ModelVersion)}


@cache
def _schema(kind: str) -> Any:
    return resource_schema(MODELS[kind])["properties"]["status"]


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(_schema(kind))


def assert_storable(kind: str, status: Mapping[str, Any]) -> None:
    """Raises an AssertionError that names the first field beyond a limit."""
    for error in _validator(kind).iter_errors(status):
        raise AssertionError(f"status{error.json_path[1:]}: {error.message[:300]}")
    _assert_known(_schema(kind), status, "status")


def _assert_known(schema: Mapping[str, Any], value: Any, where: str) -> None:
    """No field that the server would prune, no key of a map-like list twice."""
    match value:
        case Mapping() if "properties" in schema:
            assert value.keys() <= schema["properties"].keys(), where
            for name, member in value.items():
                _assert_known(schema["properties"][name], member, f"{where}.{name}")
        case list():
            keys = schema.get("x-kubernetes-list-map-keys", ())
            identities = [tuple(item[key] for key in keys) for item in value] if keys else []
            assert len(set(identities)) == len(identities), f"{where}: a key occurs twice"
            for item in value:
                _assert_known(schema["items"], item, f"{where}[]")
