"""A release on a real API server, from install to uninstall; no pod runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.chart.test_chart import VALUES
from tests.cluster.control_plane import ControlPlane
from tests.cluster.helm import CHART, Helm
from tests.cluster.kubectl import Kubectl

Object = dict[str, Any]


class Release:
    def __init__(self, plane: ControlPlane, namespace: str) -> None:
        self.kubectl: Kubectl = plane.kubectl
        self.namespace = namespace
        self._helm = Helm(plane.kubeconfig)

    def upgrade(self, **values: Any) -> str:
        """What Helm printed: the notes."""
        words = ("upgrade", "--install", "trimtab", CHART, "--namespace", self.namespace)
        # The definitions are there already, by `kubectl apply` of the fixture.
        given = json.dumps({"crds": {"install": False}} | values)
        return self._helm(*words, f"--values={VALUES}", "--values=-", stdin=given)

    def uninstall(self) -> None:
        self._helm("uninstall", "trimtab", "--namespace", self.namespace)

    def get(self, *words: str) -> Object:
        found: Object = self.kubectl.get(*words, "--namespace", self.namespace)
        return found


@pytest.fixture
def release(control_plane: ControlPlane, namespace: str) -> Iterator[Release]:
    yield Release(control_plane, namespace)


def test_from_one_replica_to_two_and_back(release: Release) -> None:
    for replicas, strategy in ((1, "Recreate"), (2, "RollingUpdate"), (1, "Recreate")):
        release.upgrade(replicas=replicas)
        spec = release.get("deployment.apps", "trimtab")["spec"]
        assert (spec["replicas"], spec["strategy"]["type"]) == (replicas, strategy)


def test_an_uninstall_leaves_nothing_but_the_definitions(release: Release) -> None:
    release.upgrade()
    release.uninstall()
    kinds = "deployment.apps,configmap,serviceaccount,role,rolebinding"
    left = {item["metadata"]["name"] for item in release.get(kinds)["items"]}
    assert left == {"default", "kube-root-ca.crt"}
    assert release.kubectl("get", "crd", "experiments.trimtab.dev", "-o", "name")
