"""Objects of the programs that tests run inside of a cluster: one pod with a port, and a Service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]


def made(api_version: str, kind: str, name: str, **rest: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **rest}


def pods_of(name: str, image: str, port: int, *, volumes: Mapping[str, str] | None = None) -> Object:
    """One pod of a loaded image, with the ServiceAccount of its name. ``volumes``: name -> path."""
    labels, mounts = {"app": name}, volumes or {}
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "Never",
        "ports": [{"containerPort": port}],
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in mounts.items()],
    }
    pod = {
        "serviceAccountName": name,
        "containers": [container],
        "volumes": [{"name": volume, "emptyDir": {}} for volume in mounts],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return made("apps/v1", "Deployment", name, spec=spec)


def service_of(name: str, port: int) -> Object:
    return made("v1", "Service", name, spec={"selector": {"app": name}, "ports": [{"port": port}]})
