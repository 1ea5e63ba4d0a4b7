"""Reads a ModelVersion, who uses it, and, while it is not approved, the Experiment it claims to come from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.modelversion import ModelVersion
from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.experiment.stages import FINAL_PHASES
from trimtab.model.kinds import DEPLOYMENT, EXPERIMENT, MODEL_VERSION
from trimtab.model.plan import Plan
from trimtab.modelversion.decide import decide
from trimtab.modelversion.observed import DeploymentUse, ModelVersionObserved, OriginObserved
from trimtab.runtime.resource import parse

Object = dict[str, Any]


class ModelVersionReconciler:
    kind = MODEL_VERSION

    def __init__(self, client: Client, cache: Cache) -> None:
        self._client = client
        self._cache = cache

    async def plan(self, obj: Object, now: datetime) -> Plan:
        version = parse(ModelVersion, obj)
        meta = obj["metadata"]
        approved = version.status.phase == "Approved"
        return decide(
            ModelVersionObserved(
                name=meta["name"],
                namespace=meta["namespace"],
                uid=meta["uid"],
                generation=meta["generation"],
                spec=version.spec,
                status=version.status,
                origin=None if approved else await self._origin(version, meta["namespace"]),
                uses=tuple(self._uses(version.spec.model, meta["namespace"], meta["name"])),
            ),
            now,
        )

    def _uses(self, model: str, namespace: str, name: str) -> Iterator[DeploymentUse]:
        """What the Deployments of the namespace say of this version, by their names."""
        for obj in self._cache.of_namespace(DEPLOYMENT, namespace):
            status, deployment = obj.get("status", {}), obj["metadata"]["name"]
            if obj["spec"]["model"]["name"] != model:
                continue
            for role in ("stable", "candidate"):
                if status.get(role, {}).get("modelVersion") == name:
                    yield DeploymentUse(deployment, role.capitalize(), "")
            for entry in status.get("quarantine", ()):
                if entry["modelVersion"] == name:
                    yield DeploymentUse(deployment, "Quarantined", entry["reason"])

    async def _origin(self, version: ModelVersion, namespace: str) -> OriginObserved | None:
        live = await self._client.find(EXPERIMENT, namespace, version.spec.lineage.experiment.name)
        if live is None:
            return None
        status = live.get("status", {})
        trials = status.get("trials", ())
        winner: Object = next((trial for trial in trials if trial["index"] == status.get("winner")), {})
        return OriginObserved(
            uid=live["metadata"]["uid"],
            result=status.get("result", {}).get("modelVersion", ""),
            final=status.get("phase") in FINAL_PHASES,
            digest=winner.get("manifestDigest", ""),
            image=winner.get("image", ""),
        )
