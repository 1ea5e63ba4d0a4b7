"""A release on a real API server of its own, from install to uninstall; no pod runs."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tests.chart.test_chart import VALUES
from tests.cluster.cache import BUILD
from tests.cluster.control_plane import ControlPlane
from tests.cluster.helm import CHART, Helm

Object = dict[str, Any]
KINDS = "deployment.apps,configmap,serviceaccount,role,rolebinding"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Without our definitions: installing them is what is tested."""
    made = ControlPlane(BUILD / "chart-tests")
    made.down()  # of an interrupted run
    made.up()
    yield made
    made.down()


class Release:
    """One release called trimtab, in a namespace of its own."""

    def __init__(self, plane: ControlPlane) -> None:
        self.kubectl = plane.kubectl
        self.namespace = f"release-{secrets.token_hex(3)}"
        self.helm = Helm(plane.kubeconfig)
        self.kubectl("create", "namespace", self.namespace)

    def upgrade(self, **values: Any) -> str:
        """What Helm printed: the notes."""
        words = ("upgrade", "--install", "trimtab", CHART, "--namespace", self.namespace)
        return self.helm(*words, f"--values={VALUES}", "--values=-", stdin=json.dumps(values))

    def uninstall(self) -> None:
        self.helm("uninstall", "trimtab", "--namespace", self.namespace)

    def get(self, *words: str) -> Object:
        found: Object = self.kubectl.get(*words, "--namespace", self.namespace)
        return found


@pytest.fixture
def release(plane: ControlPlane) -> Iterator[Release]:
    made = Release(plane)
    yield made
    made.uninstall()


def versions(found: Object) -> dict[str, str]:
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"]["resourceVersion"]
        for item in found["items"]
    }


def test_from_one_replica_to_two_and_back(release: Release) -> None:
    for replicas, strategy in ((1, "Recreate"), (2, "RollingUpdate"), (1, "Recreate")):
        release.upgrade(replicas=replicas, crds={"install": False})
        spec = release.get("deployment.apps", "trimtab")["spec"]
        assert (spec["replicas"], spec["strategy"]["type"]) == (replicas, strategy)


def test_from_namespaced_to_the_whole_cluster_and_back(release: Release) -> None:
    name = f"{release.namespace}-trimtab"
    rules = []
    for cluster_wide in (False, True, False):
        release.upgrade(clusterWide=cluster_wide, crds={"install": False})
        found = release.kubectl.get("clusterrole,clusterrolebinding")["items"]
        assert {o["kind"] for o in found if o["metadata"]["name"] == name} == (
            {"ClusterRole", "ClusterRoleBinding"} if cluster_wide else set()
        )
        rules.append({o["metadata"]["name"] for o in release.get("role")["items"]})
    namespaced = {"trimtab", "trimtab-approver", "trimtab-election"}
    assert rules == [namespaced, {"trimtab-election"}, namespaced]


def test_the_same_upgrade_again_changes_nothing(release: Release) -> None:
    release.upgrade(crds={"install": False})
    before = versions(release.get("configmap,serviceaccount,role,rolebinding"))
    generation = release.get("deployment.apps", "trimtab")["metadata"]["generation"]
    release.upgrade(crds={"install": False})
    assert versions(release.get("configmap,serviceaccount,role,rolebinding")) == before
    assert release.get("deployment.apps", "trimtab")["metadata"]["generation"] == generation


def test_an_uninstall_leaves_nothing_but_the_definitions(plane: ControlPlane) -> None:
    release = Release(plane)
    release.upgrade()
    listed = plane.kubectl("get", "crd", "-o", "name")
    assert "experiments.trimtab.dev" in listed
    release.uninstall()
    left = {item["metadata"]["name"] for item in release.get(KINDS)["items"]}
    assert left == {"default", "kube-root-ca.crt"}
    assert plane.kubectl.get("validatingadmissionpolicy,validatingadmissionpolicybinding")["items"] == []
    assert plane.kubectl("get", "crd", "-o", "name") == listed, "with them every object would go"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "watches {namespace}."),
        ({"namespaces": ["default", "kube-public"]}, "watches default, kube-public."),
        ({"clusterWide": True}, "watches all namespaces."),
        ({}, "kubectl create secret docker-registry trimtab-registry-read --namespace {namespace}"),
        ({}, "trimtab status --watch --namespace {namespace}"),
        ({}, "The CustomResourceDefinitions are not part of this release"),
        ({"registry": {"caBundle": "authority"}}, "The ConfigMap authority"),
    ],
)
def test_the_notes_say_what_to_do_next(release: Release, values: Object, said: str) -> None:
    notes = release.upgrade(**values, crds={"install": False})
    assert said.format(namespace=release.namespace) in notes
