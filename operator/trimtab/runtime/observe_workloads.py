"""Reads a Deployment's revisions from the cache: frozen records, workloads, pods, and who has traffic."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trimtab.cluster.cache import Cache
from trimtab.deployment.observed import PodObserved, PodTrouble, RevisionRecord, WorkloadObserved
from trimtab.deployment.reasons import Reason
from trimtab.deployment.revision import parse_record
from trimtab.model.clock import parse_time
from trimtab.model.kinds import (
    AUTOSCALER,
    CONTROLLER_REVISION,
    ENDPOINT_SLICE,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    SERVICE,
    WORKLOAD,
)
from trimtab.model.names import LABEL_REVISION
from trimtab.runtime.observe_pods import MESSAGE_CHARACTERS, container_statuses, reported, waiting

Object = dict[str, Any]


def records_of(cache: Cache, uid: str) -> dict[str, RevisionRecord]:
    """What the ControllerRevisions of a Deployment have frozen, by revision."""
    records = map(parse_record, cache.owned_by(uid, CONTROLLER_REVISION))
    return {record.revision: record for record in records}


def budgets_of(cache: Cache, uid: str) -> dict[str, Object]:
    """The PodDisruptionBudgets that have the names of a Deployment's workloads, by revision."""
    workloads = cache.owned_by(uid, WORKLOAD)
    found = ((w, cache.get(POD_DISRUPTION_BUDGET, *_place(w))) for w in workloads)
    return {_revision(w): body for w, body in found if body is not None}


def autoscalers_of(cache: Cache, uid: str) -> dict[str, Object]:
    """The HorizontalPodAutoscalers that have the names of a Deployment's workloads, by revision."""
    workloads = cache.owned_by(uid, WORKLOAD)
    found = ((w, cache.get(AUTOSCALER, *_place(w))) for w in workloads)
    return {_revision(w): body for w, body in found if body is not None}


def rival_of(cache: Cache, uid: str) -> str:
    """The first HorizontalPodAutoscaler of somebody else that sets the pods of a workload, in words."""
    for workload in cache.owned_by(uid, WORKLOAD):
        namespace, name = _place(workload)
        for other in cache.of_target(AUTOSCALER, namespace, name):
            kind = other["spec"]["scaleTargetRef"].get("kind")
            if kind == WORKLOAD.name and other["metadata"]["name"] != name:
                return f"{other['metadata']['name']} sets the number of pods of {name}"
    return ""


def service_of(cache: Cache, uid: str) -> Object | None:
    """The front Service of a Deployment: the one that no revision names."""
    services = cache.owned_by(uid, SERVICE)
    return next((s for s in services if LABEL_REVISION not in s["metadata"].get("labels", {})), None)


def services_of(cache: Cache, uid: str) -> dict[str, Object]:
    """The Services of revisions, by revision."""
    services = cache.owned_by(uid, SERVICE)
    labelled = ((s["metadata"].get("labels", {}).get(LABEL_REVISION), s) for s in services)
    return {revision: service for revision, service in labelled if revision}


def workloads_of(cache: Cache, uid: str) -> dict[str, WorkloadObserved]:
    """The workloads of a Deployment with their pods, by revision."""
    serving = _ready_endpoints(cache, service_of(cache, uid))
    services = services_of(cache, uid)
    workloads = {}
    for body in cache.owned_by(uid, WORKLOAD):
        revision = _revision(body)
        routable = _ready_endpoints(cache, services.get(revision))
        pods = _pods_of(cache, body["metadata"]["uid"])
        workloads[revision] = _workload(body, [_pod(pod, serving, routable) for pod in pods])
    return workloads


def _place(obj: Object) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


def _revision(workload: Object) -> str:
    return str(workload["metadata"]["labels"][LABEL_REVISION])


def _ready_endpoints(cache: Cache, service: Object | None) -> frozenset[str]:
    """uids of the pods that a Service sends requests to."""
    if service is None:
        return frozenset()
    slices = cache.owned_by(service["metadata"]["uid"], ENDPOINT_SLICE)
    return frozenset(
        endpoint["targetRef"]["uid"]
        for slice_ in slices
        for endpoint in slice_.get("endpoints") or ()
        if endpoint.get("conditions", {}).get("ready") and "targetRef" in endpoint
    )


def _pods_of(cache: Cache, workload_uid: str) -> list[Object]:
    """Pods whose controller chain ends in the workload: nobody else's pod can pass for one of ours."""
    return [
        pod
        for replica_set in cache.owned_by(workload_uid, REPLICA_SET)
        for pod in cache.owned_by(replica_set["metadata"]["uid"], POD)
    ]


def _workload(body: Object, pods: list[PodObserved]) -> WorkloadObserved:
    spec, status, meta = body["spec"], body.get("status", {}), body["metadata"]
    replicas = spec.get("replicas", 1)
    return WorkloadObserved(
        revision=_revision(body),
        body=body,
        replicas=replicas,
        ready_replicas=status.get("readyReplicas", 0),
        settled=status.get("observedGeneration", 0) >= meta["generation"],
        deleting="deletionTimestamp" in meta,
        pods=tuple(pods),
        refusal=_refusal(status),
    )


def _refusal(status: Mapping[str, Any]) -> PodTrouble | None:
    """The API server does not let pods in: a quota, or a policy. Their controller goes on trying."""
    for condition in status.get("conditions", ()):
        if (condition["type"], condition["status"]) == ("ReplicaFailure", "True"):
            message = str(condition.get("message", ""))[:MESSAGE_CHARACTERS]
            return PodTrouble(Reason.POD_REFUSED, message)
    return None


def _pod(pod: Object, serving: frozenset[str], routable: frozenset[str]) -> PodObserved:
    meta, status = pod["metadata"], pod.get("status", {})
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    return PodObserved(
        name=meta["name"],
        uid=meta["uid"],
        ip=status.get("podIP", ""),
        ready=is_ready,
        deleting="deletionTimestamp" in meta,
        serving=meta["uid"] in serving,
        routable=meta["uid"] in routable,
        trouble=None if is_ready else _trouble(pod),
        restarts=sum(s.get("restartCount", 0) for s in status.get("containerStatuses", ())),
        not_ready_since=_not_ready_since(status),
    )


def _not_ready_since(status: Mapping[str, Any]) -> datetime | None:
    """Since when the pod is not ready; None while it is."""
    for condition in status.get("conditions", ()):
        if condition["type"] == "Ready" and condition["status"] != "True":
            return parse_time(condition["lastTransitionTime"])
    return None


def _trouble(pod: Object) -> PodTrouble | None:
    """What a container reported before it failed says more than that it will be restarted."""
    for status in container_statuses(pod):
        for state in (status.get("state", {}), status.get("lastState", {})):
            terminated = state.get("terminated", {})
            own = reported(terminated)
            if own is not None:
                return PodTrouble(Reason.CONTAINER_FAILED, f"container {status['name']}: {own[0]}: {own[1]}")
            if terminated.get("exitCode", 0) != 0:
                reason = terminated.get("reason", "Error")
                text = f"container {status['name']} exited with {terminated['exitCode']} ({reason})"
                return PodTrouble(Reason.CONTAINER_FAILED, text)
    found = waiting(pod)
    return PodTrouble(str(found[0]), found[1]) if found else None
