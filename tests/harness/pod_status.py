"""The statuses a pod goes through, as a kubelet writes them: one container after the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
KUBELET_MESSAGE_BYTES = 4096


class PodStatus:
    """Made for one pod; each method is the whole status at one moment."""

    def __init__(self, pod: Object) -> None:
        self._inits = pod["spec"]["initContainers"]
        self._mains = pod["spec"]["containers"]

    def waiting(self, container: str, reason: str) -> Object:
        return self._status("Pending", container, {"waiting": {"reason": reason}})

    def running(self, container: str) -> Object:
        """A pod is Pending as long as an init container runs."""
        names = [spec["name"] for spec in [*self._inits, *self._mains]]
        # A play for all pods may name `train`; an evaluation pod has its predict containers there.
        current = container if container in names else names[-2]
        phase = "Running" if current == names[-1] else "Pending"
        return self._status(phase, current, {"running": {"startedAt": _now()}})

    def failed(self, container: str, exit_code: int, reason: str, message: str) -> Object:
        return self._status("Failed", container, _terminated(exit_code, reason, message))

    def succeeded(self, message: str) -> Object:
        return self._status("Succeeded", self._mains[0]["name"], _terminated(0, "Completed", message))

    def serving(self, address: str, *, ready: bool, restarts: int = 0) -> Object:
        """The main container runs; it may have ended before."""
        main = self._mains[0]["name"]
        status = self._status("Running", main, {"running": {"startedAt": _now()}})
        (container,) = status["containerStatuses"]
        ended = {"lastState": _terminated(137, "OOMKilled")} if restarts else {}
        container |= {"ready": ready, "restartCount": restarts, **ended}
        addresses = {"hostIP": "192.0.2.1", "podIP": address, "podIPs": [{"ip": address}]}
        return status | addresses | {"conditions": _conditions(ready=ready)}

    def crashing(self, container: str, exit_code: int, reason: str, message: str) -> Object:
        """It ends again and again, and waits to be started once more."""
        status = self._status("Pending", container, {"waiting": {"reason": "CrashLoopBackOff"}})
        for one in [*status["initContainerStatuses"], *status["containerStatuses"]]:
            if one["name"] == container:
                one |= {"restartCount": 1, "lastState": _terminated(exit_code, reason, message)}
        return status | {"conditions": _conditions(ready=False)}

    def _status(self, phase: str, current: str, state: Object) -> Object:
        """Containers before `current` have ended well, those after it have not begun."""
        states: dict[str, Object] = {}
        reached = False
        for spec in [*self._inits, *self._mains]:
            is_current = spec["name"] == current
            reached = reached or is_current
            states[spec["name"]] = state if is_current else _NOT_BEGUN if reached else _terminated(0)
        return {
            "phase": phase,
            "startTime": _now(),
            "initContainerStatuses": [_container(spec, states) for spec in self._inits],
            "containerStatuses": [_container(spec, states) for spec in self._mains],
        }


_NOT_BEGUN: Object = {"waiting": {"reason": "PodInitializing"}}


def _container(spec: Object, states: Mapping[str, Object]) -> Object:
    state = states[spec["name"]]
    begun = "waiting" not in state
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": image_id(spec["image"]) if begun else "",
        "ready": "running" in state,
        "started": "running" in state,
        "restartCount": 0,
        "state": state,
    }


def _conditions(*, ready: bool) -> list[Object]:
    states = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    return [
        {"type": type_, "status": str(holds), "lastTransitionTime": _now()} for type_, holds in states.items()
    ]


def image_id(image: str) -> str:
    """As a node reports it: by digest, also where the pod names a tag."""
    if "@" in image:
        return image
    return image.rpartition(":")[0] + "@sha256:" + "1" * 64


def _terminated(exit_code: int, reason: str = "Completed", message: str = "") -> Object:
    kept = message.encode()[-KUBELET_MESSAGE_BYTES:].decode(errors="replace")
    times = {"startedAt": _now(), "finishedAt": _now()}
    return {"terminated": {"exitCode": exit_code, "reason": reason, "message": kept, **times}}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
