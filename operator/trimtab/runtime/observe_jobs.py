"""Reads a Job and its pods into one record: state, result message, why it failed or cannot start."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.apis.v1alpha1.meta import PINNED_IMAGE_PATTERN
from trimtab.experiment.observed import JobObserved, JobState, Problem
from trimtab.experiment.reasons import Reason
from trimtab.model.clock import parse_time
from trimtab.model.names import CONTAINER_PUBLISH, CONTAINER_TRAIN
from trimtab.runtime.observe_pods import MESSAGE_CHARACTERS, container_statuses, reported, waiting
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.message import Message, parse_message

Object = Mapping[str, Any]

_PINNED = re.compile(PINNED_IMAGE_PATTERN)


def observe_job(job: Object, pods: Sequence[Object]) -> JobObserved:
    """``pods`` are those whose controller is the Job."""
    state = _state(job)
    status = job.get("status", {})
    ended = _condition(job, "Complete") or _condition(job, "Failed")
    return JobObserved(
        name=job["metadata"]["name"],
        uid=job["metadata"]["uid"],
        resource_version=job["metadata"]["resourceVersion"],
        state=state,
        suspended=bool(job["spec"].get("suspend")),
        started_at=parse_time(status["startTime"]) if "startTime" in status else None,
        finished_at=parse_time(ended["lastTransitionTime"]) if ended else None,
        message=_result(pods) if state == "Succeeded" else None,
        failure=_failure(job, pods) if state == "Failed" else None,
        waiting=_waiting(pods) if state == "Active" else None,
        image=_image(pods),
    )


def succeeded(pod: Object) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Succeeded")


def _state(job: Object) -> JobState:
    if _condition(job, "Complete"):
        return "Succeeded"
    return "Failed" if _condition(job, "Failed") else "Active"


def _condition(obj: Object, type_: str) -> Object | None:
    conditions = obj.get("status", {}).get("conditions", ())
    return next((c for c in conditions if c["type"] == type_ and c["status"] == "True"), None)


def _result(pods: Sequence[Object]) -> Message | Problem | None:
    """The message of the pod that succeeded; retries that failed before it do not count."""
    pod = next((pod for pod in pods if succeeded(pod)), None)
    if pod is None:
        return None
    texts = [
        status.get("state", {}).get("terminated", {}).get("message", "")
        for status in pod["status"].get("containerStatuses", ())
        if status["name"] == CONTAINER_PUBLISH
    ]
    try:
        return parse_message(texts[0] if texts else "")
    except ContractError as error:
        where = f"{error.field}: " if error.field else ""
        return Problem(str(error.reason), f"{where}{error.message}", False)


def _failure(job: Object, pods: Sequence[Object]) -> Problem:
    """Why the Job failed: what its newest pod says, else what the Job controller says."""
    condition = _condition(job, "Failed") or {}
    if condition.get("reason") == "DeadlineExceeded":
        return Problem(Reason.DEADLINE_EXCEEDED, "the Job took longer than its deadline allows", False)
    newest = sorted(pods, key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    for pod in newest:
        for status in container_statuses(pod):
            terminated = status.get("state", {}).get("terminated")
            if terminated and terminated.get("exitCode", 0) != 0:
                return _container_failure(status["name"], terminated)
    message = str(condition.get("message", "")) or "the Job failed and its pods are gone"
    return Problem(Reason.JOB_FAILED, message[:MESSAGE_CHARACTERS], False)


def _container_failure(name: str, terminated: Object) -> Problem:
    own = reported(terminated)
    if own is not None:
        return Problem(own[0], own[1], False)
    if terminated.get("reason") == "OOMKilled":
        return Problem(
            Reason.OUT_OF_MEMORY,
            f"container {name} was killed for exceeding its memory limit; "
            "raise spec.trial.resources.limits.memory",
            False,
        )
    text = str(terminated.get("message", ""))
    last = text.strip().splitlines()[-1] if text.strip() else "it left no message"
    exit_code = terminated["exitCode"]
    return Problem(
        Reason.TRAINING_FAILED,
        f"container {name} exited with {exit_code}: {last[:MESSAGE_CHARACTERS]}",
        False,
    )


def _waiting(pods: Sequence[Object]) -> Problem | None:
    """What keeps an active Job's pod from running, if it will not pass by itself."""
    for pod in pods:
        found = waiting(pod)
        if found is not None:
            return Problem(found[0], found[1], True)
    return None


def _image(pods: Sequence[Object]) -> str:
    """The digest-pinned reference of the train container's image, as a node reported it.

    A tag may have moved between two tries: what made the model is the image of the pod that succeeded.
    """
    for pod in sorted(pods, key=succeeded, reverse=True):
        for status in container_statuses(pod):
            reference = status.get("imageID", "").removeprefix("docker-pullable://")
            if status["name"] == CONTAINER_TRAIN and _PINNED.match(reference):
                return str(reference)
    return ""
