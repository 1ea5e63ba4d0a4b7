"""The CRDs of the Gateway API, from its Go module in the newest version that a data plane here needs."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import binaries
from tests.cluster.kubectl import Kubectl

MODULE = "sigs.k8s.io/gateway-api"
_POLICY = "safeupgrades"
"""Part of it that is no kind: it refuses older kinds in the place of newer ones."""


def crds() -> list[Path]:
    """Files of the standard channel."""
    folder = binaries.module_folder(binaries.ENVOY_GATEWAY, MODULE) / "config" / "crd" / "standard"
    return sorted(file for file in folder.glob("*.yaml") if _POLICY not in file.name)


def install(kubectl: Kubectl) -> None:
    """Apply them and wait until they are served. Other kinds than routes and Gateways are for data planes."""
    files = _named()
    kubectl("apply", "--server-side", "--force-conflicts", *files)
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *files)


def remove(kubectl: Kubectl) -> None:
    kubectl("delete", "--ignore-not-found", *_named())


def _named() -> list[str]:
    return [word for file in crds() for word in ("-f", str(file))]
