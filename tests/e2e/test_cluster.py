"""The cluster that the other end-to-end tests and the demo stand on."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.cluster import provider
from tests.cluster.addresses import Addresses
from tests.cluster.box import KUBELET_SYSCTLS
from tests.cluster.images import BuiltImage
from tests.cluster.kubectl import Kubectl
from tests.cluster.local import LocalCluster
from tests.cluster.processes import command_lines
from tests.cluster.provider import Cluster
from tests.cluster.registry import HOST, Registry
from tests.e2e.pods import run_to_end

only_local = pytest.mark.skipif(provider.default_name() != "local", reason="about the boxed node")


def test_up_again_changes_nothing(cluster: Cluster, kubectl: Kubectl) -> None:
    before = kubectl.get("node")["items"][0]["metadata"]["uid"]
    cluster.up()
    assert kubectl.get("node")["items"][0]["metadata"]["uid"] == before


def test_a_pod_starts_by_digest_as_a_user_without_rights(
    kubectl: Kubectl, namespace: str, runtime_image: BuiltImage
) -> None:
    say_who = ["python", "-c", "import os; print(os.getuid())"]
    output = run_to_end(kubectl, namespace, "by-digest", runtime_image.image.by_digest, say_who)
    assert output == "65532\n"
    status = kubectl.get("pod", "by-digest", f"--namespace={namespace}")["status"]
    assert status["containerStatuses"][0]["imageID"].endswith(runtime_image.image.digest)


def test_pods_resolve_services_by_the_name_images_and_data_use(
    kubectl: Kubectl, namespace: str, runtime_image: BuiltImage, registry: Registry
) -> None:
    host, _, port = HOST.partition(":")
    ask = f"import socket; print(socket.getaddrinfo({host!r}, {port})[0][4][0])"
    answer = run_to_end(kubectl, namespace, "dns", runtime_image.image.name, ["python", "-c", ask])
    service = kubectl.get("service", "registry", "--namespace=trimtab")
    assert answer.strip() == service["spec"]["clusterIP"]


def test_nothing_in_the_cluster_reaches_the_outside(
    kubectl: Kubectl, namespace: str, runtime_image: BuiltImage
) -> None:
    attempt = """
import socket
try:
    socket.create_connection(("198.51.100.1", 80), timeout=3)
except OSError as error:
    print("refused:", error)
"""
    assert "refused:" in run_to_end(
        kubectl, namespace, "outside", runtime_image.image.name, ["python", "-c", attempt]
    )


def test_the_registry_wants_its_password(registry: Registry) -> None:
    url = f"http://{registry.address}/v2/"
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(url, auth=(registry.username, "wrong"), timeout=5).status_code == 401
    assert requests.get(url, auth=(registry.username, registry.password), timeout=5).status_code == 200


def test_registry_credentials_come_as_a_pull_secret(
    kubectl: Kubectl, namespace: str, registry: Registry
) -> None:
    name = registry.secret(namespace)
    stored = kubectl.get("secret", name, f"--namespace={namespace}")
    assert stored["type"] == "kubernetes.io/dockerconfigjson"


@pytest.fixture
def second(tmp_path: Path) -> Iterator[LocalCluster]:
    """Another clone's cluster beside the first."""
    other = LocalCluster(tmp_path / "second")
    yield other
    other.down()


@only_local
def test_two_run_side_by_side_and_down_leaves_nothing(cluster: Cluster, second: LocalCluster) -> None:
    settings = _kernel_settings()
    second.up()
    addresses = second.addresses
    assert addresses is not None
    assert _traces(second, addresses)
    uids = [c.kubectl.get("namespace", "kube-system")["metadata"]["uid"] for c in (cluster, second)]
    assert uids[0] != uids[1]
    second.down()
    assert _traces(second, addresses) == []
    assert _kernel_settings() == settings


@only_local
def test_the_box_has_the_weight_of_a_node_not_of_one_process(cluster: LocalCluster) -> None:
    """Else whatever runs beside it on the machine starves all of its pods at once."""
    addresses = cluster.addresses
    assert addresses is not None
    files = [*Path("/sys/fs/cgroup").glob(f"**/{addresses.cgroup}/cpu.[sw]*")]
    weights = {
        file.name: int(file.read_text()) for file in files if file.name in ("cpu.shares", "cpu.weight")
    }
    assert weights in ({"cpu.shares": 10 * 1024}, {"cpu.weight": 10 * 100})


@only_local
def test_up_brings_a_killed_daemon_and_a_killed_node_back(second: LocalCluster) -> None:
    second.up()
    (scheduler,) = [
        pid
        for pid, words in command_lines()
        if words[0].endswith("/kube-scheduler") and any(str(second.state) in word for word in words)
    ]
    os.kill(scheduler, signal.SIGKILL)
    second.up()
    assert second.kubectl.get("nodes")["items"][0]["metadata"]["name"] == "node"
    anchors = [pid for pid, words in command_lines() if words[0] == str(second.state / "pause")]
    os.kill(anchors[0], signal.SIGKILL)
    second.up()
    assert second.kubectl.get("nodes")["items"][0]["metadata"]["name"] == "node"


def _traces(cluster: LocalCluster, addresses: Addresses) -> list[str]:
    """What is on the machine of exactly this cluster (others may come and go meanwhile)."""
    state = str(cluster.state)
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        *(str(link) for link in Path("/sys/class/net").glob(addresses.link)),
        *(route for route in routes if f" dev {addresses.link} " in f"{route} "),
        *(line for line in Path("/proc/self/mounts").read_text().splitlines() if state in line),
        *(str(group) for group in Path("/sys/fs/cgroup").glob(f"**/{addresses.cgroup}")),
        *(" ".join(words) for _, words in command_lines() if any(state in word for word in words)),
        *([state] if cluster.state.exists() else []),
    ]


def _kernel_settings() -> dict[str, str]:
    return {name: Path("/proc/sys", name).read_text() for name in KUBELET_SYSCTLS}
