"""Every CEL rule of the CRDs on a real API server: an object it lets in, and one that it alone refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes import client, config
from tests.apiserver import (
    cel_cases_deployment,
    cel_cases_driftmonitor,
    cel_cases_rollout,
    cel_cases_run,
    cel_cases_runtimes,
    cel_cases_spec,
)
from tests.apiserver.cel_case import Case
from tests.apiserver.samples import PLURALS, SAMPLES, Edits, Object, edited
from tests.cluster.control_plane import ControlPlane

from trimtab.apis import crd

GROUP_VERSION = ("trimtab.dev", "v1alpha1")
CASES = (
    *cel_cases_spec.CASES,
    *cel_cases_run.CASES,
    *cel_cases_deployment.CASES,
    *cel_cases_rollout.CASES,
    *cel_cases_runtimes.CASES,
    *cel_cases_driftmonitor.CASES,
)

Api = Any  # client.CustomObjectsApi, whose annotations do not admit unpacked arguments
Resource = tuple[str, str, str, str]
Write = Callable[[Edits], list["Refusal"]]


@dataclass(frozen=True)
class Refusal:
    """One cause of a 422: list indices and map keys of the field are left out."""

    field: str
    message: str


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> Iterator[Api]:
    connection = config.new_client_from_config(str(control_plane.kubeconfig))  # type: ignore[no-untyped-call]
    yield client.CustomObjectsApi(connection)
    connection.close()


@pytest.fixture(scope="module")
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """One for all cases: each leaves at most the object it updates, under a name of its own."""
    control_plane.kubectl("create", "namespace", "cel-rules")
    yield "cel-rules"
    control_plane.kubectl("delete", "namespace", "cel-rules", "--wait=false")


def rules_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """(path, message) of every rule in a schema."""
    for rule in schema.get("x-kubernetes-validations", []):
        yield path, rule["message"]
    for name, member in schema.get("properties", {}).items():
        yield from rules_of(member, f"{path}.{name}".lstrip("."))
    for member in ("items", "additionalProperties"):
        if member in schema:
            yield from rules_of(schema[member], path + "[]")


def all_rules() -> list[tuple[str, str, str]]:
    definitions = [crd.definition(kind)["spec"] for kind in crd.KINDS]
    return [
        (spec["names"]["kind"], path, message)
        for spec in definitions
        for path, message in rules_of(spec["versions"][0]["schema"]["openAPIV3Schema"])
    ]


def test_every_rule_has_exactly_one_case() -> None:
    assert sorted((case.kind, case.path, case.message) for case in CASES) == sorted(all_rules())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_rule(case: Case, api: Api, namespace: str) -> None:
    write = _writer(case, api, namespace)
    assert write(case.accepted) == []
    assert write(case.refused) == [Refusal(case.path, case.message)]


def _writer(case: Case, api: Api, namespace: str) -> Write:
    """A function that makes edits in a dry run and returns what the server has against them."""
    resource: Resource = (*GROUP_VERSION, namespace, PLURALS[case.kind])
    if case.stored is None:

        def create(edits: Edits) -> list[Refusal]:
            body = edited(SAMPLES[case.kind](), edits)
            return _refusals(api.create_namespaced_custom_object, *resource, body=body)

        return create

    stored = _store(case, api, resource)
    name = stored["metadata"]["name"]
    method = api.replace_namespaced_custom_object
    if case.in_status:
        method = api.replace_namespaced_custom_object_status

    def update(edits: Edits) -> list[Refusal]:
        return _refusals(method, *resource, name, body=edited(stored, edits))

    return update


def _store(case: Case, api: Api, resource: Resource) -> Object:
    body = edited(SAMPLES[case.kind](), case.stored or {})
    if case.kind != "ModelVersion":
        body["metadata"] = {"generateName": "stored-"}
    stored: Object = api.create_namespaced_custom_object(*resource, body=body)
    if not case.stored_status:
        return stored
    with_status: Object = api.replace_namespaced_custom_object_status(
        *resource, stored["metadata"]["name"], body=edited(stored, case.stored_status)
    )
    return with_status


def _refusals(method: Any, *arguments: Any, body: Object) -> list[Refusal]:
    try:
        method(*arguments, body=body, dry_run="All", field_validation="Strict")
    except client.ApiException as refused:
        assert refused.status == 422, refused.body
        return [_refusal(cause) for cause in json.loads(refused.body or "")["details"]["causes"]]
    return []


def _refusal(cause: dict[str, str]) -> Refusal:
    """The server answers `Invalid value: <value>: <message of the rule>`."""
    field = re.sub(r"\[[^\]]*\]", "[]", cause["field"]).replace("<nil>", "")
    known = [
        message for _, path, message in all_rules() if path == field and cause["message"].endswith(message)
    ]
    return Refusal(field, known[0] if known else cause["message"])
