"""Traefik as the data plane of the Gateway API in a test cluster: one pod, one Service, one GatewayClass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.cluster import binaries, gateway_api, oci_archive
from tests.cluster.kubectl import Kubectl
from tests.cluster.objects import made, pods_of, service_of
from tests.cluster.progress import step
from tests.cluster.provider import Cluster

NAMESPACE, NAME = "traefik", "traefik"
GATEWAY_CLASS = "traefik"
PORT = 8000
"""Of the entry point; a Gateway's listener must have the same."""
_COMMAND = [
    "/traefik",
    f"--entrypoints.web.address=:{PORT}",
    "--providers.kubernetesgateway=true",
    "--providers.providersthrottleduration=200ms",
    "--global.checknewversion=false",
    "--global.sendanonymoususage=false",
]


def install(cluster: Cluster) -> str:
    """Run it with the kinds it needs. Returns its URL as this machine reaches it."""
    kubectl = cluster.kubectl
    with step("Traefik in the cluster", usual_seconds=10):
        gateway_api.install(kubectl)
        image = cluster.load_image(_archive())
        kubectl.apply(made("v1", "Namespace", NAMESPACE))
        kubectl.apply(_gateway_class(), _binding())
        account = made("v1", "ServiceAccount", NAME)
        kubectl.apply(account, pods_of(NAME, image.name, PORT), service_of(NAME, PORT), namespace=NAMESPACE)
        where = f"--namespace={NAMESPACE}"
        kubectl("rollout", "status", f"deployment/{NAME}", where, "--timeout=120s")
        address = kubectl.get("service", NAME, where)["spec"]["clusterIP"]
    return f"http://{address}:{PORT}"


def remove(kubectl: Kubectl) -> None:
    """All of it but the kinds, which the operator watches."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    kubectl("delete", f"clusterrolebinding/{NAME}", f"gatewayclass/{GATEWAY_CLASS}", "--ignore-not-found")


def gateway(name: str) -> dict[str, Any]:
    """A Gateway that Traefik takes, for routes of its namespace."""
    listener = {"name": "web", "port": PORT, "protocol": "HTTP"}
    spec = {"gatewayClassName": GATEWAY_CLASS, "listeners": [listener]}
    return made("gateway.networking.k8s.io/v1", "Gateway", name, spec=spec)


def _archive() -> Path:
    folder = binaries.ensure(binaries.TRAEFIK)
    name = f"localhost/trimtab-traefik:{binaries.TRAEFIK.version}"
    return oci_archive.static_image(folder / "image.tar", name, {"/traefik": folder / "traefik"}, _COMMAND)


def _gateway_class() -> dict[str, Any]:
    spec = {"controllerName": "traefik.io/gateway-controller"}
    return made("gateway.networking.k8s.io/v1", "GatewayClass", GATEWAY_CLASS, spec=spec)


def _binding() -> dict[str, Any]:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    return made("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", NAME, roleRef=role, subjects=[account])
