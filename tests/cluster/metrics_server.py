"""metrics-server in a test cluster: what autoscalers know about the use of CPU comes from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cluster import binaries, oci_archive
from tests.cluster.kubectl import Kubectl
from tests.cluster.objects import made, pods_of, service_of
from tests.cluster.progress import step
from tests.cluster.provider import Cluster

NAMESPACE, NAME, PORT = "kube-system", "metrics-server", 10250
API_SERVICE = "v1beta1.metrics.k8s.io"
_COMMAND = [
    "/metrics-server",
    f"--secure-port={PORT}",
    "--cert-dir=/certificates",
    "--kubelet-preferred-address-types=InternalIP",
    # The node's certificate is of an authority that only its API server knows.
    "--kubelet-insecure-tls",
    # Autoscalers look every 15 s. A request to a kubelet must take less than the time between two.
    *("--metric-resolution=10s", "--kubelet-request-timeout=5s"),
]
RBAC = "rbac.authorization.k8s.io/v1"


def install(cluster: Cluster) -> None:
    """Run it, and wait until the API server passes requests on to it."""
    kubectl = cluster.kubectl
    with step("metrics-server in the cluster", usual_seconds=20):
        image = cluster.load_image(_archive())
        kubectl.apply(_api_service(), _binding())
        account = made("v1", "ServiceAccount", NAME)
        pods = pods_of(NAME, image.name, PORT, volumes={"certificates": "/certificates"})
        kubectl.apply(account, pods, service_of(NAME, PORT), namespace=NAMESPACE)
        kubectl("wait", "--for=condition=Available", f"apiservice/{API_SERVICE}", "--timeout=120s")


def remove(kubectl: Kubectl) -> None:
    kubectl("delete", f"apiservice/{API_SERVICE}", f"clusterrolebinding/{NAME}", "--ignore-not-found")
    parts = ("deployment", "service", "serviceaccount")
    kubectl("delete", *(f"{part}/{NAME}" for part in parts), f"--namespace={NAMESPACE}", "--ignore-not-found")


def _archive() -> Path:
    folder = binaries.ensure(binaries.METRICS_SERVER)
    name = f"localhost/trimtab-metrics-server:{binaries.METRICS_SERVER.version}"
    files = {"/metrics-server": folder / "metrics-server"}
    return oci_archive.static_image(folder / "image.tar", name, files, _COMMAND)


def _api_service() -> dict[str, Any]:
    spec = {
        "service": {"name": NAME, "namespace": NAMESPACE, "port": PORT},
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    }
    return made("apiregistration.k8s.io/v1", "APIService", API_SERVICE, spec=spec)


def _binding() -> dict[str, Any]:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    return made(RBAC, "ClusterRoleBinding", NAME, roleRef=role, subjects=[account])
