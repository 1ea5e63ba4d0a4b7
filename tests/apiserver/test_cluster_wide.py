"""One operator for all namespaces, on a real API server, with the rights that the chart gives it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from tests.cluster.control_plane import ControlPlane
from tests.harness.account import kubeconfig_of
from tests.harness.api import EXPERIMENT, LEASE, Api, create_namespace, phase
from tests.harness.lab import SINGLE, Lab
from tests.harness.operator import Operator

from trimtab.runtime import rbac

BEAT_SECONDS = 1.0
TAKEOVER_SECONDS = 40.0


@pytest.fixture
def other(lab: Lab, control_plane: ControlPlane) -> Iterator[Api]:
    """A second namespace."""
    api = Api(lab.api.access, f"{lab.api.namespace[:50]}-other")
    create_namespace(api)
    yield api
    control_plane.kubectl("delete", "namespace", api.namespace, "--wait=false")


@pytest.fixture
def cluster_wide(lab: Lab, control_plane: ControlPlane, tmp_path: Path) -> Iterator[Operator]:
    """Not started yet; its account has the chart's rules and no others."""
    home, kubectl = lab.api.namespace, control_plane.kubectl
    across = grant_rules(rbac.ACROSS_NAMESPACES, rbac.NAMESPACE_LEASE)
    metadata = {"name": f"{home}-trimtab"}
    account = {"kind": "ServiceAccount", "name": "default", "namespace": home}
    kubectl.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": metadata,
            "rules": [
                *grant_rules(rbac.IN_WATCHED_NAMESPACES),
                *across,
                *grant_rules(rbac.OUTSIDE_NAMESPACES),
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", **metadata},
            "subjects": [account],
        },
    )
    for verb, names in (("create", []), ("get", ["trimtab-cluster"]), ("update", ["trimtab-cluster"])):
        words = [f"--resource-name={name}" for name in names]
        kubectl("create", "role", verb, f"--verb={verb}", "--resource=leases", *words, "-n", home)
        kubectl(
            "create", "rolebinding", verb, f"--role={verb}", f"--serviceaccount={home}:default", "-n", home
        )
    path = kubeconfig_of(control_plane, home, tmp_path)
    given = yaml.safe_load(
        lab.operator(namespaces=[], clusterWide=True, leaseName="trimtab-cluster").config.read_text()
    )
    operator = Operator(tmp_path / "cluster-wide", given, path)
    lab.operators.append(operator)
    yield operator
    kubectl("delete", "clusterrole,clusterrolebinding", metadata["name"])


def grant_rules(grants: tuple[rbac.Grant, ...], name: str = "") -> list[dict[str, list[str]]]:
    rules: list[dict[str, list[str]]] = yaml.safe_load(rbac.role_rules(grants, resource_name=name))
    return rules


def test_all_namespaces_are_its_own(lab: Lab, other: Api, cluster_wide: Operator) -> None:
    """Also those that were made, and those whose objects were made, before and after it started."""
    other.create(EXPERIMENT, lab.experiment("before", SINGLE))
    cluster_wide.start().wait_leading()
    assert phase(lab.run_experiment(edits=SINGLE)) == "Succeeded"
    other.create(EXPERIMENT, lab.experiment("after", SINGLE))
    for name in ("before", "after"):
        other.wait(EXPERIMENT, name, lambda e: phase(e) == "Training")
    assert lab.api.get(LEASE, "trimtab-cluster")["spec"]["holderIdentity"]
    assert "is forbidden: User" not in cluster_wide.log.read_text()


def test_a_namespace_with_a_live_operator_is_left_alone_until_that_is_gone(
    lab: Lab, other: Api, cluster_wide: Operator
) -> None:
    with renewing(other):
        cluster_wide.start().wait_leading()
        other.create(EXPERIMENT, lab.experiment(edits=SINGLE))
        assert phase(lab.run_experiment(edits=SINGLE)) == "Succeeded", "elsewhere it has long been done"
        assert "status" not in other.get(EXPERIMENT, "flights")
        assert 'kind="Experiment",outcome="foreign"' in cluster_wide.page("/metrics")
    other.wait(EXPERIMENT, "flights", lambda e: phase(e) == "Training", TAKEOVER_SECONDS)


@contextlib.contextmanager
def renewing(api: Api) -> Iterator[None]:
    """The Lease of an operator that is alive; at the end it stops, as by a power cut."""
    meta = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "trimtab"}}
    api.create(LEASE, meta | {"spec": {"holderIdentity": "theirs"}})
    done = threading.Event()

    def renew() -> None:
        while not done.wait(BEAT_SECONDS):
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            api.patch(LEASE, "trimtab", {"spec": {"renewTime": now}})

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
