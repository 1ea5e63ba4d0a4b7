"""Pods in tests: one-shot ones from start to end, and the processes of those that run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.kubectl import Kubectl

RESTRICTED_POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def processes_of(pod: Mapping[str, Any]) -> list[int]:
    """Pids of its running containers as this machine sees them; the nodes must run here."""
    statuses = pod.get("status", {}).get("containerStatuses", ())
    running = [
        status["containerID"].rpartition("/")[2] for status in statuses if "running" in status["state"]
    ]
    return [pid for container in running for pid in _pids(container)]


def _pids(container: str) -> list[int]:
    """Processes whose cgroup is the container's: its id is in no other cluster's."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if container in (process / "cgroup").read_text():
                pids.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return pids


def run_to_end(kubectl: Kubectl, namespace: str, name: str, image: str, command: Sequence[str]) -> str:
    """Run `command` in a pod under Pod Security `restricted`, and return its output once it succeeded."""
    kubectl.apply(one_shot(name, image, command), namespace=namespace)
    here = f"--namespace={namespace}"
    try:
        kubectl("wait", f"pod/{name}", here, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    except RuntimeError as error:
        logs = kubectl("get", "pod", name, here, "-o", "yaml")
        raise AssertionError(f"pod {name} did not succeed: {error}\n{logs}") from error
    return kubectl("logs", name, here)


def one_shot(name: str, image: str, command: Sequence[str]) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": list(command),
        "securityContext": RESTRICTED_CONTAINER,
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": RESTRICTED_POD,
        "containers": [container],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
