"""Reaching the API server as a ServiceAccount."""

from __future__ import annotations

from pathlib import Path

import yaml
from tests.cluster.control_plane import ControlPlane
from tests.harness.api import wait_until


def kubeconfig_of(
    plane: ControlPlane, namespace: str, folder: Path, account: str = "default", context_namespace: str = ""
) -> Path:
    """A kubeconfig with a token of the account, in ``folder``.

    A new namespace gets its account `default` from a controller, a moment after it is made.
    """
    wanted = ("get", "serviceaccount", account, "-n", namespace, "--ignore-not-found", "-o", "name")
    wait_until(lambda: plane.kubectl(*wanted), f"the ServiceAccount {account} of {namespace}")
    document = yaml.safe_load(plane.kubeconfig.read_text())
    token = plane.kubectl("create", "token", account, "-n", namespace).strip()
    document["users"][0]["user"] = {"token": token}
    if context_namespace:
        document["contexts"][0]["context"]["namespace"] = context_namespace
    path = folder / f"{account}.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path
