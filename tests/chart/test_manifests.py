"""`manifests/`: what the chart renders today, complete, and without what only Helm can use."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.chart.test_chart import render
from tests.cluster import manifests

from trimtab.cli import generated

Object = dict[str, Any]


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return manifests.render()


def objects(text: str) -> list[Object]:
    return [document for document in yaml.safe_load_all(text) if document]


def test_the_files_are_current(files: dict[str, str]) -> None:
    assert generated.stale(manifests.FOLDER, files) == [], "run `make manifests` and commit the result"


def test_they_are_the_objects_of_the_chart(files: dict[str, str]) -> None:
    def bare(obj: Object) -> Object:
        """Without the labels that Helm alone sets."""
        meta = {key: value for key, value in obj["metadata"].items() if key not in ("labels", "annotations")}
        return {**obj, "metadata": meta}

    written = [bare(obj) for text in files.values() for obj in objects(text)]
    rendered = [bare(obj) for obj in render()]

    def order(obj: Object) -> tuple[str, str]:
        return obj["kind"], obj["metadata"]["name"]

    def without_pods(found: list[Object]) -> list[Object]:
        return sorted((obj for obj in found if obj["kind"] != "Deployment"), key=order)

    assert without_pods(written) == without_pods(rendered)
    ((pods,), (theirs,)) = ([o for o in found if o["kind"] == "Deployment"] for found in (written, rendered))
    assert pods["spec"]["template"]["spec"] == theirs["spec"]["template"]["spec"]
    assert pods["spec"]["selector"] == theirs["spec"]["selector"]


def test_nothing_says_that_helm_made_it(files: dict[str, str]) -> None:
    assert all("helm" not in text.lower() for text in files.values())


def test_definitions_and_operator_may_be_applied_apart(files: dict[str, str]) -> None:
    kinds = {name: {obj["kind"] for obj in objects(text)} for name, text in files.items()}
    assert kinds[manifests.CRDS] == {"CustomResourceDefinition"}
    assert kinds[manifests.OPERATOR] >= {"Deployment", "Role", "RoleBinding", "ServiceAccount", "ConfigMap"}
    (role,) = [obj for obj in objects(files[manifests.OPERATOR]) if obj["kind"] == "ClusterRole"]
    assert [rule["resources"] for rule in role["rules"]] == [["gatewayclasses"]], "all else is namespaced"
