"""Reads live what a retraining depends on: nothing here is concluded from the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.apis.v1alpha1.experiment import Experiment
from trimtab.cluster.client import Client
from trimtab.driftmonitor import ledger as ledgers
from trimtab.driftmonitor.build import tagged
from trimtab.driftmonitor.choice import open_decision
from trimtab.driftmonitor.observed import (
    DriftMonitorObserved,
    Problem,
    RetrainObserved,
    RetrainWorld,
    Template,
)
from trimtab.driftmonitor.reasons import Reason
from trimtab.experiment import observed as experiments
from trimtab.experiment.stages import FINAL_PHASES
from trimtab.model import names
from trimtab.model.clock import parse_time
from trimtab.model.errors import Terminal
from trimtab.model.kinds import CONFIG_MAP, DEPLOYMENT, EXPERIMENT, MODEL_VERSION
from trimtab.runtime.resource import parse
from trimtab.sources.registry import RegistrySource

Object = dict[str, Any]


class RetrainObserver:
    def __init__(self, client: Client, registry: RegistrySource) -> None:
        self._client = client
        self._registry = registry

    async def world(self, observed: DriftMonitorObserved) -> RetrainWorld:
        lineage = await self._lineage(observed)
        template = await self._template(observed, lineage)
        ledger = await self._ledger(observed)
        deployment = await self._deployment(observed)
        return RetrainWorld(
            template=template,
            served_data=lineage.get("data", {}),
            data=await self._data(template),
            ledger=ledger,
            retrains=await self._retrains(observed, deployment),
            rollout=_rollout(observed, deployment),
            made=await self._made(observed, ledger),
        )

    async def _lineage(self, observed: DriftMonitorObserved) -> Mapping[str, Any]:
        """The lineage of the served version; empty if that was deleted."""
        reference = observed.status.reference
        name = reference.model_version if reference else ""
        version = await self._client.find(MODEL_VERSION, observed.namespace, name) if name else None
        found: Mapping[str, Any] = version["spec"]["lineage"] if version else {}
        return found

    async def _template(
        self, observed: DriftMonitorObserved, lineage: Mapping[str, Any]
    ) -> Template | Problem:
        """The Experiment that made the served version; else the one that the spec names."""
        made_by = lineage.get("experiment", {})
        if made_by:
            live = await self._client.find(EXPERIMENT, observed.namespace, made_by["name"])
            if live is not None and live["metadata"]["uid"] == made_by["uid"]:
                return _copied(live)
        named = observed.spec.retrain.experiment_ref
        if named is None:
            text = (
                "the Experiment that made the served version is gone; name one of the same model in "
                "retrain.experimentRef"
            )
            return Problem(Reason.NOTHING_TO_COPY, text, transient=False)
        live = await self._client.find(EXPERIMENT, observed.namespace, named.name)
        if live is None or live["spec"]["model"] != observed.model:
            text = f"retrain.experimentRef: there is no Experiment {named.name} of model {observed.model}"
            return Problem(Reason.NOTHING_TO_COPY, text, transient=False)
        return _copied(live)

    async def _ledger(self, observed: DriftMonitorObserved) -> ledgers.Ledger | Problem:
        name = names.model_config_map(observed.model)
        body = await self._client.find(CONFIG_MAP, observed.namespace, name)
        try:
            return ledgers.read(body)
        except ledgers.UnreadableLedger as error:
            text = f"ConfigMap {name}, key {names.KEY_RETRAINS}: {error}; restore it, or delete the key"
            return Problem(Reason.LEDGER_UNREADABLE, text, transient=False)

    async def _deployment(self, observed: DriftMonitorObserved) -> Deployment | None:
        name = observed.spec.deployment_ref.name
        live = await self._client.find(DEPLOYMENT, observed.namespace, name)
        return None if live is None else parse(Deployment, live)

    async def _data(self, template: Template | Problem) -> Mapping[str, str] | Problem:
        """What the tags stand for now, all of them or none."""
        if isinstance(template, Problem):
            return template
        found = await self._registry.digests([tagged(source) for source in template.spec.data])
        if isinstance(found, experiments.Problem):
            return Problem(found.reason, found.message, found.transient)
        return found

    async def _retrains(
        self, observed: DriftMonitorObserved, deployment: Deployment | None
    ) -> tuple[RetrainObserved, ...]:
        selector = f"{names.LABEL_MODEL}={observed.model},{names.LABEL_TRIGGER}"
        listed = await self._client.list(EXPERIMENT, observed.namespace, label_selector=selector)
        return tuple([await self._retrain(observed, deployment, live) for live in listed])

    async def _retrain(
        self, observed: DriftMonitorObserved, deployment: Deployment | None, live: Object
    ) -> RetrainObserved:
        status = live.get("status", {})
        version = status.get("result", {}).get("modelVersion", "")
        return RetrainObserved(
            name=live["metadata"]["name"],
            created=parse_time(live["metadata"]["creationTimestamp"]),
            final=status.get("phase") in FINAL_PHASES,
            awaits=await self._awaits(observed, deployment, version) if version and deployment else "",
        )

    async def _awaits(self, observed: DriftMonitorObserved, deployment: Deployment, version: str) -> str:
        """What a retrained version waits for; empty once it was served, given up, rejected or deleted."""
        stable, number = deployment.status.stable, names.version_number(observed.model, version)
        served = names.version_number(observed.model, stable.model_version) if stable else 0
        given_up = any(entry.model_version == version for entry in deployment.status.quarantine)
        if number <= served or given_up:
            return ""
        live = await self._client.find(MODEL_VERSION, observed.namespace, version)
        if live is None or live.get("status", {}).get("phase") == "Rejected":
            return ""
        pinned = deployment.spec.model.version
        if pinned is not None:
            name = observed.spec.deployment_ref.name
            return f"AwaitingRollout: {version} is ready, and {name} is pinned: set model.version to {number}"
        return f"{version} waits for its rollout"

    async def _made(
        self, observed: DriftMonitorObserved, ledger: ledgers.Ledger | Problem
    ) -> RetrainObserved | None:
        """The Experiment of the open decision, if it was made already."""
        decision = open_decision(observed.status)
        if decision is None or isinstance(ledger, Problem):
            return None
        own = ledger.of(observed.uid, decision.id)
        live = await self._client.find(EXPERIMENT, observed.namespace, own.name) if own else None
        trigger = live["spec"].get("trigger", {}) if live else {}
        if live is None or (trigger.get("name"), trigger.get("decision")) != (observed.name, decision.id):
            return None
        return RetrainObserved(
            live["metadata"]["name"], parse_time(live["metadata"]["creationTimestamp"]), final=False
        )


def _copied(live: Object) -> Template | Problem:
    try:
        return Template(live["metadata"]["name"], parse(Experiment, live).spec, live["spec"])
    except Terminal as error:
        return Problem(Reason.NOTHING_TO_COPY, error.message, transient=False)


def _rollout(observed: DriftMonitorObserved, deployment: Deployment | None) -> str:
    """Why the Deployment is not at rest."""
    if deployment is None or deployment.status.stable is None:
        return "the Deployment serves nothing any more"
    status, reference = deployment.status, observed.status.reference
    if status.abort is not None or status.candidate is not None:
        return f"{status.candidate.model_version if status.candidate else 'a candidate'} is on its way"
    if reference is None or status.stable is None or status.stable.digest != reference.digest:
        return "another version has taken over"
    return ""
