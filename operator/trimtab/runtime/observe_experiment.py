"""Reads what an Experiment's stage calls for: cache first, live where a decision cannot be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.experiment import Experiment
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus, TrialStatus
from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.experiment.decide import decide
from trimtab.experiment.observed import (
    DeploymentOfModel,
    ExperimentObserved,
    JobObserved,
    Problem,
    Reservations,
    VersionObserved,
)
from trimtab.experiment.reasons import Reason
from trimtab.experiment.stages import Stage, stage_of
from trimtab.model import names
from trimtab.model.errors import Terminal, Transient
from trimtab.model.kinds import CONFIG_MAP, DEPLOYMENT, EXPERIMENT, JOB, MODEL_VERSION, POD
from trimtab.model.plan import Plan, controller_uid
from trimtab.model.settings import Settings
from trimtab.runtime.observe_jobs import observe_job, succeeded
from trimtab.runtime.resource import parse
from trimtab.sources.registry import RegistrySource
from trimtab_runtime.contract.artifact import result_tag
from trimtab_runtime.contract.message import TrialResult

Object = dict[str, Any]


class ExperimentReconciler:
    kind = EXPERIMENT

    def __init__(self, client: Client, cache: Cache, registry: RegistrySource, settings: Settings) -> None:
        self._client = client
        self._cache = cache
        self._registry = registry
        self._settings = settings

    async def plan(self, obj: Object, now: datetime) -> Plan:
        return decide(await self._observe(obj), now)

    async def _observe(self, obj: Object) -> ExperimentObserved:
        experiment = parse(Experiment, obj)
        meta = obj["metadata"]
        observed = ExperimentObserved(
            name=meta["name"],
            namespace=meta["namespace"],
            uid=meta["uid"],
            generation=meta["generation"],
            body=obj,
            spec=experiment.spec,
            status=experiment.status,
            settings=self._settings,
        )
        return await self._observe_stage(stage_of(experiment.status), observed)

    async def _observe_stage(self, stage: Stage, observed: ExperimentObserved) -> ExperimentObserved:
        match stage:
            case Stage.TRAIN | Stage.EVALUATE:
                return replace(observed, jobs=await self._jobs(observed))
            case Stage.CHOOSE_CHAMPION:
                return replace(
                    observed,
                    versions=await self._versions(observed),
                    deployments=await self._deployments(observed),
                )
            case Stage.RESOLVE_DATA if not observed.spec.suspend:
                return replace(observed, data=await self._registry.digests(observed.spec.data))
            case Stage.REGISTER if not observed.spec.suspend:
                return await self._observe_registration(observed)
            case _:
                return observed

    # --- jobs ---------------------------------------------------------------------------------------------

    async def _jobs(self, observed: ExperimentObserved) -> dict[str, JobObserved]:
        found = {job["metadata"]["name"]: job for job in self._cache.owned_by(observed.uid, JOB)}
        for name in _expected_running(observed):
            if name not in found:
                job = await self._live_job(observed, name)
                if job is not None:
                    found[name] = job
        jobs = {}
        for name, job in found.items():
            if not job["metadata"].get("deletionTimestamp"):
                jobs[name] = await self._observe_job(observed, job)
        return jobs

    async def _live_job(self, observed: ExperimentObserved, name: str) -> Object | None:
        """A Job that should be there and is not in the cache: only a live read proves that it vanished."""
        job = await self._client.find(JOB, observed.namespace, name)
        if job is None or controller_uid(job) != observed.uid:
            return None
        self._cache.put(JOB, job)
        return job

    async def _observe_job(self, observed: ExperimentObserved, job: Object) -> JobObserved:
        pods = self._cache.owned_by(job["metadata"]["uid"], POD)
        record = observe_job(job, pods)
        if record.state == "Succeeded" and not any(succeeded(pod) for pod in pods):
            # The Job's event may be faster than its pod's.
            pods = await self._live_pods(observed, job)
            record = observe_job(job, pods)
        if record.state == "Failed" and not pods:
            record = observe_job(job, await self._live_pods(observed, job))
        if record.state == "Succeeded" and not isinstance(record.message, TrialResult):
            return await self._with_recovery(observed, record)
        return record

    async def _live_pods(self, observed: ExperimentObserved, job: Object) -> list[Object]:
        selector = f"{names.JOB_NAME_LABEL}={job['metadata']['name']}"
        pods = await self._client.list(POD, observed.namespace, label_selector=selector)
        return [pod for pod in pods if controller_uid(pod) == job["metadata"]["uid"]]

    async def _with_recovery(self, observed: ExperimentObserved, record: JobObserved) -> JobObserved:
        """Look under the trial's tag when its Job succeeded and its message is lost or unreadable."""
        trial = _trial_of(observed.status, observed.name, record.name)
        if trial is None or trial.phase in ("Succeeded", "Failed"):
            return record
        tag = result_tag(observed.uid, trial.index, trial.attempt)
        found = await self._registry.recover(names.model_repository(observed.spec.model), tag)
        match found:
            case Problem(transient=True):
                raise Transient(found.reason, found.message)
            case Problem():
                return record
            case recovered:
                return replace(record, recovered=recovered)

    # --- registration -------------------------------------------------------------------------------------

    async def _observe_registration(self, observed: ExperimentObserved) -> ExperimentObserved:
        winner = next(t for t in observed.status.trials if t.index == observed.status.winner)
        repository = names.model_repository(observed.spec.model)
        return replace(
            observed,
            versions=await self._versions(observed),
            artifact=await self._registry.artifact(repository, str(winner.manifest_digest)),
            reservations=await self._reservations(observed),
        )

    async def _versions(self, observed: ExperimentObserved) -> tuple[VersionObserved, ...]:
        """All versions of the model, live. Not by label: a version made by hand may lack it."""
        listed = await self._client.list(MODEL_VERSION, observed.namespace)
        return tuple(_version(obj) for obj in listed if obj["spec"]["model"] == observed.spec.model)

    async def _deployments(self, observed: ExperimentObserved) -> tuple[DeploymentOfModel, ...]:
        listed = await self._client.list(DEPLOYMENT, observed.namespace)
        return tuple(
            DeploymentOfModel(
                obj["metadata"]["name"], obj.get("status", {}).get("stable", {}).get("modelVersion", "")
            )
            for obj in listed
            if obj["spec"]["model"]["name"] == observed.spec.model
        )

    async def _reservations(self, observed: ExperimentObserved) -> Reservations:
        name = names.model_config_map(observed.spec.model)
        return parse_reservations(await self._client.find(CONFIG_MAP, observed.namespace, name))


def _expected_running(observed: ExperimentObserved) -> list[str]:
    """Names of the Jobs that status calls running."""
    status = observed.status
    expected = [
        names.trial_job(observed.name, t.index, t.attempt) for t in status.trials if t.phase == "Running"
    ]
    if status.evaluation is not None and status.evaluation.phase == "Running":
        expected.append(names.evaluation_job(observed.name, status.evaluation.attempt))
    return expected


def _trial_of(status: ExperimentStatus, experiment: str, job: str) -> TrialStatus | None:
    return next((t for t in status.trials if names.trial_job(experiment, t.index, t.attempt) == job), None)


def _version(obj: Object) -> VersionObserved:
    spec = obj["spec"]
    return VersionObserved(
        name=obj["metadata"]["name"],
        version=spec["version"],
        digest=spec["artifact"]["digest"],
        image=spec["runtime"]["image"],
        approved=obj.get("status", {}).get("phase") == "Approved",
        quarantined=bool(obj.get("status", {}).get("quarantinedBy")),
        experiment_uid=spec["lineage"]["experiment"]["uid"],
    )


def parse_reservations(config_map: Mapping[str, Any] | None) -> Reservations:
    data = (config_map or {}).get("data", {})
    prefix = names.reserved_key("")
    try:
        high_water = _number(data.get(names.KEY_HIGH_WATER, "0"), low=0)
        reserved = {
            key.removeprefix(prefix): _number(text, low=1)
            for key, text in data.items()
            if key.startswith(prefix)
        }
    except ValueError as error:
        name = (config_map or {})["metadata"]["name"]
        raise Terminal(
            Reason.NAME_CONFLICT,
            f"ConfigMap {name} holds something other than version numbers; restore its numbers or delete it",
        ) from error
    return Reservations(config_map, high_water, reserved)


def _number(text: str, *, low: int) -> int:
    if not text.isdecimal() or int(text) < low:
        raise ValueError(f"not a number from {low} on")
    return int(text)
