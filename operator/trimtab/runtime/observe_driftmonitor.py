"""Reads a DriftMonitor's world: the Deployment that it watches, the version that is served, its profile."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.apis.v1alpha1.driftmonitor import DriftMonitor
from trimtab.cluster.cache import Cache
from trimtab.deployment.runtimes import TRIMTAB
from trimtab.driftmonitor.choice import needs_world
from trimtab.driftmonitor.decide import decide
from trimtab.driftmonitor.observed import DriftMonitorObserved, Reference, Unjudgeable, WayBack
from trimtab.driftmonitor.reasons import Reason
from trimtab.experiment.observed import Problem
from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP, DEPLOYMENT, DRIFT_MONITOR, MODEL_VERSION
from trimtab.model.plan import Plan
from trimtab.runtime.judge_drift import DriftJudge, Served
from trimtab.runtime.observe_retrain import RetrainObserver
from trimtab.runtime.observe_workloads import records_of, workloads_of
from trimtab.runtime.resource import parse
from trimtab.runtime.targets import endpoint_of
from trimtab.sources.registry import RegistrySource

Object = dict[str, Any]


class DriftMonitorReconciler:
    kind = DRIFT_MONITOR

    def __init__(
        self, cache: Cache, registry: RegistrySource, judge: DriftJudge, retrains: RetrainObserver
    ) -> None:
        self._cache = cache
        self._registry = registry
        self._judge = judge
        self._retrains = retrains

    async def plan(self, obj: Object, now: datetime) -> Plan:
        monitor = parse(DriftMonitor, obj)
        served = await self._served(monitor)
        observed = self._observe(obj, monitor, served)
        if isinstance(served, Served):
            observed = await self._judge.judged(observed, served, now)
            if needs_world(observed):
                observed = replace(observed, world=await self._retrains.world(observed))
        return decide(observed, now)

    def _observe(
        self, obj: Object, monitor: DriftMonitor, served: Served | Unjudgeable
    ) -> DriftMonitorObserved:
        meta = obj["metadata"]
        return DriftMonitorObserved(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            generation=meta["generation"],
            body=obj,
            spec=monitor.spec,
            status=monitor.status,
            model=served.deployment.spec.model.name if isinstance(served, Served) else "",
            reference=_reference(served) if isinstance(served, Served) else served,
            checkpoint=self._cache.get(CONFIG_MAP, meta["namespace"], names.window_config_map(meta["name"])),
            action=meta.get("annotations", {}).get(names.ANNOTATION_ACTION, ""),
            way_back=_way_back(served.deployment) if isinstance(served, Served) else None,
        )

    async def _served(self, monitor: DriftMonitor) -> Served | Unjudgeable:
        """What is served and can be judged, or the first thing that is missing."""
        namespace, name = monitor.metadata.namespace, monitor.spec.deployment_ref.name
        obj = self._cache.get(DEPLOYMENT, namespace, name)
        if obj is None:
            text = f"there is no deployments.trimtab.dev {name} in this namespace; create it"
            return Unjudgeable(Reason.DEPLOYMENT_MISSING, text, waiting=True)
        deployment = parse(Deployment, obj)
        stable = deployment.status.stable
        if stable is None:
            return Unjudgeable(Reason.AWAITING_DEPLOYMENT, f"{name} serves no version yet", waiting=True)
        return self._uncounted(deployment, stable) or await self._with_profile(deployment, stable)

    def _uncounted(self, deployment: Deployment, stable: Side) -> Unjudgeable | None:
        uid = deployment.metadata.uid
        records, workloads = records_of(self._cache, uid), workloads_of(self._cache, uid)
        runtime = endpoint_of(records, workloads, stable.revision).runtime
        if runtime == TRIMTAB:
            return None
        text = (
            f"{deployment.metadata.name} serves with runtime {runtime}, which counts no features, scores and "
            "labels; serve with runtime trimtab, or delete this monitor"
        )
        return Unjudgeable(Reason.RUNTIME_NOT_COUNTED, text, waiting=False)

    async def _with_profile(self, deployment: Deployment, stable: Side) -> Served | Unjudgeable:
        namespace = deployment.metadata.namespace
        version = self._cache.get(MODEL_VERSION, namespace, stable.model_version)
        if version is None or not version["spec"].get("profileDigest"):
            text = (
                f"{stable.model_version} has no reference profile, so there is nothing to compare with; "
                "serve a version that was trained with save_model"
            )
            return Unjudgeable(Reason.NO_PROFILE, text, waiting=False)
        artifact = await self._registry.artifact(version["spec"]["artifact"]["repository"], stable.digest)
        if isinstance(artifact, Problem):
            text = f"the profile of {stable.model_version}: {artifact.message}"
            return Unjudgeable(Reason.PROFILE_UNREADABLE, text, waiting=artifact.transient)
        if artifact.profile is None:
            text = f"the artifact of {stable.model_version} holds no profile"
            return Unjudgeable(Reason.NO_PROFILE, text, waiting=False)
        return Served(deployment, stable, artifact, artifact.profile)


def _way_back(deployment: Deployment) -> WayBack | None:
    """None: there is nothing to go back to, or a candidate is on its way."""
    status = deployment.status
    if status.stable is None or status.last_good is None or status.candidate is not None:
        return None
    return WayBack(status.stable.revision, status.last_good.model_version)


def _reference(served: Served) -> Reference:
    return Reference(served.stable.model_version, served.stable.digest, served.artifact.profile_digest)
