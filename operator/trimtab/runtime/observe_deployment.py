"""Reads a Deployment's world from the cache: versions, frozen revisions, workloads, pods, endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.cluster.cache import Cache
from trimtab.deployment.decide import decide
from trimtab.deployment.observed import AskedToGoBack, DeploymentObserved, VersionObserved
from trimtab.deployment.signature import read_signature
from trimtab.driftmonitor.going_back import ROLLBACK
from trimtab.model import names
from trimtab.model.clock import after
from trimtab.model.kinds import CONFIG_MAP, DEPLOYMENT, DRIFT_MONITOR, MODEL_VERSION
from trimtab.model.plan import Plan
from trimtab.model.settings import Settings
from trimtab.runtime.judge_rollout import RolloutJudge
from trimtab.runtime.observe_routing import RoutingObserver
from trimtab.runtime.observe_workloads import (
    autoscalers_of,
    budgets_of,
    records_of,
    rival_of,
    service_of,
    workloads_of,
)
from trimtab.runtime.resource import parse

Object = dict[str, Any]


class DeploymentReconciler:
    kind = DEPLOYMENT

    def __init__(
        self, cache: Cache, settings: Settings, judge: RolloutJudge, routing: RoutingObserver
    ) -> None:
        self._cache = cache
        self._routing = routing
        self._settings = settings
        self._judge = judge

    async def plan(self, obj: Object, now: datetime) -> Plan:
        deployment = parse(Deployment, obj)
        observed = await self._routing.with_classes(self._observe(obj, deployment))
        plan = decide(await self._judge.judged(deployment, observed, now), now)
        return _woken(plan, observed.routing.wake_seconds, now)

    def _observe(self, obj: Object, deployment: Deployment) -> DeploymentObserved:
        meta = obj["metadata"]
        namespace, uid, model = meta["namespace"], meta["uid"], deployment.spec.model.name
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
            records=records_of(self._cache, uid),
            workloads=workloads_of(self._cache, uid),
            budgets=budgets_of(self._cache, uid),
            autoscalers=autoscalers_of(self._cache, uid),
            rival_autoscaler=rival_of(self._cache, uid),
            service=service_of(self._cache, uid),
            checkpoint=self._cache.get(CONFIG_MAP, namespace, names.evidence_config_map(meta["name"])),
            routing=self._routing.of(obj, deployment),
            action=meta.get("annotations", {}).get(names.ANNOTATION_ACTION, ""),
            asked=tuple(asked_by(self._cache.of_namespace(DRIFT_MONITOR, namespace), meta["name"])),
        )


def asked_by(monitors: Iterable[Object], deployment: str) -> Iterator[AskedToGoBack]:
    """Open decisions of monitors of this Deployment that it should go back, approved."""
    for monitor in monitors:
        if monitor["spec"]["deploymentRef"]["name"] != deployment:
            continue
        decision = monitor.get("status", {}).get("decision", {})
        is_open = decision.get("state") == "Approved" and "endedAt" not in decision
        if is_open and decision["action"] == ROLLBACK:
            yield AskedToGoBack(
                monitor=monitor["metadata"]["name"],
                monitor_uid=monitor["metadata"]["uid"],
                id=decision["id"],
                revision=decision["target"]["revision"],
                message=decision["evidence"].get("message", ""),
            )


def _woken(plan: Plan, seconds: float | None, now: datetime) -> Plan:
    """The plan, and another pass in so many seconds at the latest."""
    if seconds is None:
        return plan
    at = after(now, seconds)
    return replace(plan, wake_at=at if plan.wake_at is None else min(plan.wake_at, at))


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
        signature=read_signature(spec["signature"]),
        format=spec["artifact"]["format"],
    )
