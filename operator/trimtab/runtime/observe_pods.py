"""Reads what keeps a pod from running, in words that are safe for status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from trimtab.experiment.results import describe
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.message import Failure, parse_message

Object = Mapping[str, Any]

MESSAGE_CHARACTERS = 400


class Trouble(StrEnum):
    """What may be wrong with a pod before it runs; the kinds' reasons carry the same words."""

    IMAGE_PULL_ERROR = "ImagePullError"
    CONTAINER_CONFIG_ERROR = "ContainerConfigError"
    POD_UNSCHEDULABLE = "PodUnschedulable"


_WAITING = {
    "ErrImagePull": Trouble.IMAGE_PULL_ERROR,
    "ImagePullBackOff": Trouble.IMAGE_PULL_ERROR,
    "InvalidImageName": Trouble.IMAGE_PULL_ERROR,
    "ErrImageNeverPull": Trouble.IMAGE_PULL_ERROR,
    "CreateContainerConfigError": Trouble.CONTAINER_CONFIG_ERROR,
    "CreateContainerError": Trouble.CONTAINER_CONFIG_ERROR,
}


def container_statuses(pod: Object) -> Iterator[Object]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses", ())
    yield from status.get("containerStatuses", ())


def waiting(pod: Object) -> tuple[Trouble, str] | None:
    """Why the pod cannot start, if that will not pass by itself."""
    return _container_waiting(pod) or _unschedulable(pod)


def reported(terminated: Object) -> tuple[str, str] | None:
    """Reason and message that a container of ours left when it failed."""
    try:
        message = parse_message(str(terminated.get("message", "")))
    except ContractError:
        return None
    if not isinstance(message, Failure):
        return None
    problem = describe(message)
    return problem.reason, problem.message


def _container_waiting(pod: Object) -> tuple[Trouble, str] | None:
    for status in container_statuses(pod):
        state = status.get("state", {}).get("waiting", {})
        trouble = _WAITING.get(state.get("reason", ""))
        if trouble is not None:
            return (
                trouble,
                f"container {status['name']}, image {status.get('image', '')}: {state['reason']}",
            )
    return None


def _unschedulable(pod: Object) -> tuple[Trouble, str] | None:
    for condition in pod.get("status", {}).get("conditions", ()):
        if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
            return Trouble.POD_UNSCHEDULABLE, str(condition.get("message", ""))[:MESSAGE_CHARACTERS]
    return None
