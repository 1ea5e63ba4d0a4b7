"""The OCI registry in the cluster, which refuses everyone without the password.

Pods reach it as `registry.trimtab.svc:5000`, the host by the node's address.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import binaries, oci_archive
from tests.cluster.kubectl import Kubectl
from tests.cluster.progress import step
from tests.cluster.provider import Cluster

NAMESPACE, NAME, PORT, NODE_PORT = "trimtab", "registry", 5000, 30500
HOST = f"{NAME}.{NAMESPACE}.svc:{PORT}"
CREDENTIALS = "registry-credentials"
PULL_SECRET = "trimtab-registry"
USER = "trimtab"
_CONFIG = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "/data"}, "delete": {"enabled": True}},
    "http": {"addr": f":{PORT}"},
    "auth": {"htpasswd": {"realm": "trimtab", "path": "/auth/htpasswd"}},
}


@dataclass(frozen=True)
class Registry:
    """How to reach it. `host`: the name that pods use. `address`: the same registry from this machine."""

    kubectl: Kubectl
    host: str
    address: str
    username: str
    password: str

    def secret(self, namespace: str, name: str = PULL_SECRET) -> str:
        """Put its credentials into `namespace` as a kubernetes.io/dockerconfigjson Secret. Returns `name`."""
        login = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        logins = {host: {"auth": login} for host in (self.host, self.address)}
        content = {".dockerconfigjson": json.dumps({"auths": logins})}
        document = _object("Secret", name, type="kubernetes.io/dockerconfigjson", stringData=content)
        self.kubectl.apply(document, namespace=namespace)
        return name


def install(cluster: Cluster) -> Registry:
    """Run it in `cluster` and wait until it answers. An installed one is kept, with what was pushed to it."""
    with step("registry in the cluster", usual_seconds=5):
        image = cluster.load_image(_archive_path())
        kubectl = cluster.kubectl
        kubectl.apply(_object("Namespace", NAMESPACE))
        _ensure_password(kubectl)
        kubectl.apply(_deployment(image.name), _service(), namespace=NAMESPACE)
        kubectl("rollout", "status", f"deployment/{NAME}", f"--namespace={NAMESPACE}", "--timeout=120s")
    return find(cluster.kubectl)


def find(kubectl: Kubectl) -> Registry:
    """The installed registry of a cluster."""
    stored = kubectl.get("secret", CREDENTIALS, f"--namespace={NAMESPACE}")["data"]
    password = base64.b64decode(stored["password"]).decode()
    node = kubectl.get("nodes")["items"][0]["status"]["addresses"]
    address = next(a["address"] for a in node if a["type"] == "InternalIP")
    return Registry(kubectl, HOST, f"{address}:{NODE_PORT}", USER, password)


def registry_secret(kubectl: Kubectl, namespace: str, name: str = PULL_SECRET) -> str:
    """`Registry.secret` of the installed registry."""
    return find(kubectl).secret(namespace, name)


def _archive_path() -> Path:
    folder = binaries.ensure(binaries.REGISTRY)
    name = f"localhost/trimtab-registry:{binaries.REGISTRY.version}"
    files: dict[str, Path | str] = {
        "/registry": folder / "registry",
        "/etc/registry/config.yml": json.dumps(_CONFIG),
    }
    return oci_archive.static_image(
        folder / "image.tar", name, files, ["/registry", "serve", "/etc/registry/config.yml"]
    )


def _ensure_password(kubectl: Kubectl) -> None:
    if kubectl.get("secrets", f"--namespace={NAMESPACE}", f"--field-selector=metadata.name={CREDENTIALS}")[
        "items"
    ]:
        return
    import bcrypt  # the only need for the Python environment in this package

    password = secrets.token_urlsafe(18)
    # The lowest cost: every request is checked against it, and the password is random.
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    content = {"password": password, "htpasswd": f"{USER}:{hashed}\n"}
    kubectl.apply(_object("Secret", CREDENTIALS, stringData=content), namespace=NAMESPACE)


def _deployment(image: str) -> dict[str, Any]:
    labels = {"app": NAME}
    container = {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "Never",
        "env": [{"name": "OTEL_TRACES_EXPORTER", "value": "none"}],
        "ports": [{"containerPort": PORT}],
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "auth", "mountPath": "/auth", "readOnly": True},
        ],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    htpasswd = {"secretName": CREDENTIALS, "items": [{"key": "htpasswd", "path": "htpasswd"}]}
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsUser": 65532,
            "runAsNonRoot": True,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": "auth", "secret": htpasswd}],
        "containers": [container],
    }
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    return _object("Deployment", NAME, "apps/v1", spec={**spec, "strategy": {"type": "Recreate"}})


def _service() -> dict[str, Any]:
    ports = [{"port": PORT, "nodePort": NODE_PORT}]
    return _object("Service", NAME, spec={"type": "NodePort", "selector": {"app": NAME}, "ports": ports})


def _object(kind: str, name: str, api_version: str = "v1", **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}
