"""Reads a ModelVersion and, while it is not approved, the Experiment it claims to come from: live."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from trimtab.apis.v1alpha1.modelversion import ModelVersion
from trimtab.cluster.client import Client
from trimtab.experiment.stages import FINAL_PHASES
from trimtab.model.errors import Terminal
from trimtab.model.kinds import EXPERIMENT, MODEL_VERSION
from trimtab.model.plan import Plan
from trimtab.modelversion.decide import decide
from trimtab.modelversion.observed import ModelVersionObserved, OriginObserved
from trimtab.modelversion.reasons import Reason

Object = dict[str, Any]


class ModelVersionReconciler:
    kind = MODEL_VERSION

    def __init__(self, client: Client) -> None:
        self._client = client

    async def plan(self, obj: Object, now: datetime) -> Plan:
        version = _parse(obj)
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
            ),
            now,
        )

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


def _parse(obj: Object) -> ModelVersion:
    try:
        return ModelVersion.model_validate(obj)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise Terminal(
            Reason.INVALID_SPEC,
            f"{where}: {first['msg']}; the stored object does not fit this operator's schema",
        ) from error
