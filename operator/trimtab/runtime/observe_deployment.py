"""Reads a Deployment's world from the cache: versions, frozen revisions, workloads, pods, endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.cluster.cache import Cache
from trimtab.deployment.decide import decide
from trimtab.deployment.observed import (
    DeploymentObserved,
    PodObserved,
    PodTrouble,
    VersionObserved,
    WorkloadObserved,
)
from trimtab.deployment.reasons import Reason
from trimtab.deployment.revision import parse_record
from trimtab.model import names
from trimtab.model.clock import parse_time
from trimtab.model.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    MODEL_VERSION,
    POD,
    REPLICA_SET,
    SERVICE,
    WORKLOAD,
)
from trimtab.model.names import LABEL_REVISION
from trimtab.model.plan import Plan
from trimtab.model.settings import Settings
from trimtab.runtime.judge_rollout import RolloutJudge
from trimtab.runtime.observe_pods import container_statuses, reported, waiting
from trimtab.runtime.resource import parse

Object = dict[str, Any]


class DeploymentReconciler:
    kind = DEPLOYMENT

    def __init__(self, cache: Cache, settings: Settings, judge: RolloutJudge) -> None:
        self._cache = cache
        self._settings = settings
        self._judge = judge

    async def plan(self, obj: Object, now: datetime) -> Plan:
        deployment = parse(Deployment, obj)
        observed = self._observe(obj, deployment)
        return decide(await self._judge.judged(deployment, observed, now), now)

    def _observe(self, obj: Object, deployment: Deployment) -> DeploymentObserved:
        meta = obj["metadata"]
        namespace, uid, model = meta["namespace"], meta["uid"], deployment.spec.model.name
        service = next(iter(self._cache.owned_by(uid, SERVICE)), None)
        ready = self._ready_endpoints(service)
        return DeploymentObserved(
            name=meta["name"],
            namespace=namespace,
            uid=uid,
            generation=meta["generation"],
            body=obj,
            spec=deployment.spec,
            status=deployment.status,
            settings=self._settings,
            versions=tuple(_version(v) for v in self._cache.of_model(MODEL_VERSION, namespace, model)),
            records={
                record.revision: record
                for record in map(parse_record, self._cache.owned_by(uid, CONTROLLER_REVISION))
            },
            workloads={w.revision: w for w in self._workloads(uid, ready)},
            service=service,
            checkpoint=self._cache.get(CONFIG_MAP, namespace, names.evidence_config_map(meta["name"])),
            action=meta.get("annotations", {}).get(names.ANNOTATION_ACTION, ""),
        )

    def _ready_endpoints(self, service: Object | None) -> frozenset[str]:
        """uids of the pods that the front Service sends requests to."""
        if service is None:
            return frozenset()
        slices = self._cache.owned_by(service["metadata"]["uid"], ENDPOINT_SLICE)
        return frozenset(
            endpoint["targetRef"]["uid"]
            for slice_ in slices
            for endpoint in slice_.get("endpoints") or ()
            if endpoint.get("conditions", {}).get("ready") and "targetRef" in endpoint
        )

    def _workloads(self, uid: str, ready: frozenset[str]) -> list[WorkloadObserved]:
        return [
            _workload(body, self._pods_of(body["metadata"]["uid"]), ready)
            for body in self._cache.owned_by(uid, WORKLOAD)
        ]

    def _pods_of(self, workload_uid: str) -> list[Object]:
        """Pods whose controller chain ends in the workload: nobody else's pod can pass for one of ours."""
        return [
            pod
            for replica_set in self._cache.owned_by(workload_uid, REPLICA_SET)
            for pod in self._cache.owned_by(replica_set["metadata"]["uid"], POD)
        ]


def _workload(body: Object, pods: list[Object], ready: frozenset[str]) -> WorkloadObserved:
    spec, status, meta = body["spec"], body.get("status", {}), body["metadata"]
    replicas = spec.get("replicas", 1)
    return WorkloadObserved(
        revision=meta["labels"][LABEL_REVISION],
        body=body,
        replicas=replicas,
        ready_replicas=status.get("readyReplicas", 0),
        settled=status.get("observedGeneration", 0) >= meta["generation"],
        deleting="deletionTimestamp" in meta,
        pods=tuple(_pod(pod, ready) for pod in pods),
    )


def _pod(pod: Object, ready: frozenset[str]) -> PodObserved:
    meta, status = pod["metadata"], pod.get("status", {})
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    return PodObserved(
        name=meta["name"],
        uid=meta["uid"],
        ip=status.get("podIP", ""),
        ready=is_ready,
        deleting="deletionTimestamp" in meta,
        serving=meta["uid"] in ready,
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


def _version(obj: Mapping[str, Any]) -> VersionObserved:
    spec = obj["spec"]
    return VersionObserved(
        name=obj["metadata"]["name"],
        version=spec["version"],
        digest=spec["artifact"]["digest"],
        phase=obj.get("status", {}).get("phase", ""),
        repository=spec["artifact"]["repository"],
        image=spec["runtime"]["image"],
        profile_digest=spec.get("profileDigest", ""),
    )
