"""Jobs and pods as a cluster stores them (shapes taken from kube-controller-manager and kubelet 1.35)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]

EARLIER, START, END = "2026-03-04T05:00:00Z", "2026-03-04T05:01:00Z", "2026-03-04T05:02:00Z"
IMAGE_ID = "registry.example/flights@sha256:" + "f" * 64


def job(
    name: str = "winter-t1-a1",
    *,
    version: str = "10",
    suspended: bool = False,
    started: bool = True,
    conditions: Sequence[Mapping[str, Any]] = (),
) -> Object:
    status: Object = {"startTime": START} if started else {}
    if conditions:
        status["conditions"] = list(conditions)
    return {
        "metadata": {"name": name, "namespace": "ml", "uid": f"uid-of-{name}", "resourceVersion": version},
        "spec": {"suspend": suspended},
        "status": status,
    }


def complete() -> list[Object]:
    return [
        {"type": "SuccessCriteriaMet", "status": "True", "lastTransitionTime": END},
        {"type": "Complete", "status": "True", "lastTransitionTime": END, "reason": "CompletionsReached"},
    ]


def failed(reason: str = "BackoffLimitExceeded", message: str = "") -> list[Object]:
    text = message or "Job has reached the specified backoff limit"
    failing = {"status": "True", "lastTransitionTime": END, "reason": reason, "message": text}
    return [{"type": "FailureTarget"} | failing, {"type": "Failed"} | failing]


def pod(
    phase: str = "Running",
    *,
    name: str = "winter-t1-a1-x7k2p",
    created: str = START,
    init: Sequence[Object] = (),
    main: Sequence[Object] = (),
    scheduled: Mapping[str, Any] | None = None,
) -> Object:
    return {
        "metadata": {"name": name, "namespace": "ml", "uid": f"uid-of-{name}", "creationTimestamp": created},
        "status": {
            "phase": phase,
            "conditions": [dict(scheduled or {"type": "PodScheduled", "status": "True"})],
            "initContainerStatuses": list(init),
            "containerStatuses": list(main),
        },
    }


def container(name: str, state: Mapping[str, Any], *, image_id: str = IMAGE_ID) -> Object:
    return {
        "name": name,
        "image": "registry.example/flights:winter",
        "imageID": image_id,
        "restartCount": 0,
        "ready": False,
        "state": dict(state),
    }


def terminated(code: int = 0, message: str = "", reason: str = "") -> Object:
    state = {"exitCode": code, "reason": reason or ("Completed" if code == 0 else "Error")}
    return {"terminated": state | ({"message": message} if message else {})}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def running() -> Object:
    return {"running": {"startedAt": START}}


def succeeded_trial_pod(message: str, **parts: Any) -> Object:
    """A trial's pod whose three containers ended well, with publish's message."""
    before = [container("fetch", terminated()), container("train", terminated())]
    return pod("Succeeded", init=before, main=[container("publish", terminated(message=message))], **parts)


def failed_train_pod(state: Mapping[str, Any], **parts: Any) -> Object:
    """A trial's pod whose train container failed; publish never started."""
    before = [container("fetch", terminated()), container("train", state)]
    initializing = container("publish", waiting("PodInitializing"), image_id="")
    return pod("Failed", init=before, main=[initializing], **parts)
