"""A very small world around one Experiment: enough to carry out its plans, and to do it harm.

It keeps what the API server keeps, refuses what it refuses (stale versions, taken names), and checks at each
write what must hold at each write. Jobs and pods are read by the operator's own `observe_job`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.unit.operator import cluster_objects as cluster
from tests.unit.operator import samples
from tests.unit.operator.schema_limits import assert_storable

from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.apis.v1alpha1.modelversion import ModelVersionSpec
from trimtab.experiment.decide import decide
from trimtab.experiment.observed import (
    Artifact,
    ExperimentObserved,
    JobObserved,
    Problem,
    Reservations,
    TrialRecovered,
    VersionObserved,
)
from trimtab.experiment.stages import FINAL_PHASES, Stage, stage_of
from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP, JOB, MODEL_VERSION
from trimtab.model.plan import Create, Delete, Patch, Plan, Replace
from trimtab.runtime.executor import is_ours
from trimtab.runtime.observe_jobs import observe_job
from trimtab_runtime.contract.message import TrialResult, format_message


class Refused(Exception):
    """The write meets another state than it was decided on: the pass ends, the next one re-reads."""


def model_digest(job_name: str) -> str:
    return "sha256:" + hashlib.sha256(job_name.encode()).hexdigest()


class World:
    def __init__(self, spec: ExperimentSpec, *, champion: bool) -> None:
        self.spec = spec
        self.generation = 1
        self.now = samples.NOW
        self.status: dict[str, Any] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, list[dict[str, Any]]] = {}
        self.pushed: dict[str, dict[str, float]] = {}
        self.config_map: dict[str, Any] | None = None
        self.versions: list[VersionObserved] = [samples.version(1)] if champion else []
        self.registry_is_away = False
        self.attempts: dict[str, int] = {}
        self.made: list[str] = []
        self.writes = 0
        self.dies_after: int | None = None
        self._version = 100

    # --- what the operator sees ----------------------------------------------------------------------------

    @property
    def typed(self) -> ExperimentStatus:
        return ExperimentStatus.model_validate(self.status)

    def observe(self) -> ExperimentObserved:
        status = self.typed
        seen = samples.observed(status, of=self.spec, generation=self.generation)
        match stage_of(status):
            case Stage.RESOLVE_DATA if not self.spec.suspend:
                return replace(seen, data=self._away() or dict(samples.DATA))
            case Stage.TRAIN | Stage.EVALUATE:
                return replace(seen, jobs={name: self._observe_job(name) for name in self.jobs})
            case Stage.CHOOSE_CHAMPION:
                return replace(seen, versions=tuple(self.versions))
            case Stage.REGISTER if not self.spec.suspend:
                return replace(
                    seen,
                    versions=tuple(self.versions),
                    artifact=self._away() or self._artifact(status),
                    reservations=self._reservations(),
                )
            case _:
                return seen

    def _away(self) -> Problem | None:
        return Problem("RegistryUnavailable", "no answer", True) if self.registry_is_away else None

    def _observe_job(self, name: str) -> JobObserved:
        record = observe_job(self.jobs[name], self.pods.get(name, []))
        lost = record.state == "Succeeded" and not isinstance(record.message, TrialResult)
        if lost and name in self.pushed:
            return replace(record, recovered=TrialRecovered(model_digest(name), self.pushed[name]))
        return record

    def _artifact(self, status: ExperimentStatus) -> Artifact:
        winner = next(t for t in status.trials if t.index == status.winner)
        return samples.artifact(digest=str(winner.manifest_digest))

    def _reservations(self) -> Reservations:
        data = (self.config_map or {}).get("data", {})
        mine = data.get(names.reserved_key(samples.UID))
        reserved = {samples.UID: int(mine)} if mine else {}
        high_water = int(data.get(names.KEY_HIGH_WATER, "0"))
        return samples.reservations(self.config_map, high_water=high_water, reserved=reserved)

    # --- one pass ------------------------------------------------------------------------------------------

    def reconcile(self, *, crash_after: int | None = None, meanwhile: Any = None) -> Plan:
        """Observe, decide, write. The process may die after some writes; others may act in between."""
        self.now += timedelta(seconds=1)
        plan = decide(self.observe(), self.now)
        if meanwhile is not None:
            meanwhile()
        writes = [*([plan.status] if plan.status is not None else []), *plan.children, *plan.deletions]
        try:
            for write in writes[:crash_after]:
                if self.dies_after == self.writes:
                    self.dies_after = None
                    break
                self._carry_out(write)
                self.writes += 1
        except Refused:
            pass
        return plan

    def _carry_out(self, write: Any) -> None:
        match write:
            case Create(kind=kind) if kind is JOB:
                self._create_job(write)
            case Create(kind=kind) if kind is CONFIG_MAP:
                self._create_config_map(write)
            case Create(kind=kind) if kind is MODEL_VERSION:
                self._create_version(write)
            case Replace():
                self._replace_config_map(write)
            case Patch():
                self._suspend_job(write)
            case Delete():
                self._delete_job(write)
            case Mapping():
                self._write_status(dict(write))
            case _:
                raise AssertionError(f"no such write: {write}")

    def _write_status(self, status: dict[str, Any]) -> None:
        after = ExperimentStatus.model_validate(status)  # the limits of the schema, which is made of it
        assert after.to_wire() == status, "the status does not survive being read back"
        _assert_forward(self.typed, after)
        self.status = status

    def _create_job(self, create: Create) -> None:
        name = create.body["metadata"]["name"]
        if name in self.jobs:
            return  # by its controller it is ours
        trial, attempt = name.rsplit("-a", 1)
        assert int(attempt) >= self.attempts.get(trial, 1), f"{name}: attempts go backwards"
        self.attempts[trial] = int(attempt)
        self.jobs[name] = cluster.job(name, version=self._next_version(), started=False)
        live = [n for n, j in self.jobs.items() if "-eval-" not in n and not _has_ended(j)]
        assert len(live) <= self.spec.budget.parallel_trials, f"{live} run at the same time"

    def _create_config_map(self, create: Create) -> None:
        if self.config_map is None:
            self.config_map = dict(create.body)
            self.touch_config_map()
        else:
            assert is_ours(create, self.config_map)

    def _replace_config_map(self, replacement: Replace) -> None:
        decided_on = replacement.body["metadata"]["resourceVersion"]
        if self.config_map is None or self.config_map["metadata"]["resourceVersion"] != decided_on:
            raise Refused
        self.config_map = dict(replacement.body)
        self.touch_config_map()

    def touch_config_map(self) -> None:
        assert self.config_map is not None
        meta = {**self.config_map["metadata"], "resourceVersion": self._next_version()}
        self.config_map = {**self.config_map, "metadata": meta}

    def _create_version(self, create: Create) -> None:
        name = create.body["metadata"]["name"]
        if any(version.name == name for version in self.versions):
            raise Refused
        spec = ModelVersionSpec.model_validate(create.body["spec"])
        assert name == names.model_version(spec.model, spec.version)
        made = VersionObserved(
            name, spec.version, spec.artifact.digest, spec.runtime.image, False, spec.lineage.experiment.uid
        )
        self.versions.append(made)
        self.made.append(name)
        assert len(self.made) == 1, f"{self.made}: more than one version of one Experiment"

    def _suspend_job(self, patch: Patch) -> None:
        job = self._guarded(patch)
        suspend = patch.changes["spec"]["suspend"]
        job["spec"]["suspend"] = suspend
        job["status"].pop("startTime", None)
        self.pods.pop(patch.name, None)
        job["metadata"]["resourceVersion"] = self._next_version()

    def _delete_job(self, deletion: Delete) -> None:
        self._guarded(deletion)
        self.vanish(deletion.name)

    def _guarded(self, write: Patch | Delete) -> dict[str, Any]:
        job = self.jobs.get(write.name)
        if job is None or job["metadata"]["resourceVersion"] != write.resource_version:
            raise Refused
        return job

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)

    # --- what others do ------------------------------------------------------------------------------------

    def waiting_jobs(self) -> list[str]:
        return [
            n for n, j in self.jobs.items() if "startTime" not in j["status"] and not j["spec"]["suspend"]
        ]

    def running_jobs(self) -> list[str]:
        return [n for n, j in self.jobs.items() if "startTime" in j["status"] and not _has_ended(j)]

    def start(self, name: str) -> None:
        self.jobs[name]["status"]["startTime"] = cluster.START
        self.jobs[name]["metadata"]["resourceVersion"] = self._next_version()

    def start_all(self) -> None:
        for name in self.waiting_jobs():
            self.start(name)

    def vanish(self, name: str) -> None:
        del self.jobs[name]
        self.pods.pop(name, None)

    def end(self, name: str, conditions: list[dict[str, Any]], *pods: dict[str, Any]) -> None:
        self.jobs[name]["status"]["conditions"] = conditions
        self.jobs[name]["metadata"]["resourceVersion"] = self._next_version()
        self.pods[name] = list(pods)

    def succeed(self, name: str, value: float = 0.5, *, auc: float = 0.7, compared: bool = True) -> None:
        """The Job ends well: a trial with its objective, an evaluation with its measurements."""
        attempt = int(name.rsplit("-a", 1)[1])
        if "-eval-" not in name:
            self.pushed[name] = {"logLoss": value}
            message = TrialResult(attempt, model_digest(name), {"logLoss": value})
            self.end(name, cluster.complete(), cluster.succeeded_trial_pod(format_message(message).decode()))
            return
        gates = (samples.comparison(),) if compared and self.typed.evaluation.champion else ()  # type: ignore[union-attr]
        metrics = {"auc": auc, "logLoss": 0.55}
        measured = samples.evaluation_result(attempt=attempt, metrics=metrics, gates=gates)
        self.end(name, cluster.complete(), cluster.succeeded_trial_pod(format_message(measured).decode()))

    def change_spec(self, **changes: Any) -> None:
        self.spec = self.spec.model_copy(update=changes)
        self.generation += 1

    def raise_budget(self) -> None:
        budget = self.spec.budget
        self.change_spec(budget=budget.model_copy(update={"max_failed_trials": budget.max_failed_trials + 1}))

    def run_well(self, *, until: str) -> None:
        """Passes, and every Job ends well, until a phase is reached or nothing is left to do."""
        for _ in range(200):
            if self.status.get("phase", "") == until:
                return
            if not self.reconcile().is_empty:
                continue
            self.start_all()
            running = self.running_jobs()
            if not running:
                return
            self.succeed(running[0])
        raise AssertionError(f"no end in sight: {self.status}")

    def settle(self) -> None:
        """Nobody does harm any more, everything that runs ends well: the Experiment must come to an end."""
        self.registry_is_away = False
        if self.spec.suspend:
            self.change_spec(suspend=False)
        self.run_well(until="the end")
        assert self.status.get("phase") in FINAL_PHASES, f"stuck in {self.status.get('phase')}"
        self.now += timedelta(days=1)
        assert self.reconcile().is_empty, "a day later there is still something to write"
        assert_storable("Experiment", self.status)


def _has_ended(job: Mapping[str, Any]) -> bool:
    return bool(job["status"].get("conditions"))


def _assert_forward(before: ExperimentStatus, after: ExperimentStatus) -> None:
    """What one write may not take back."""
    if before.phase in FINAL_PHASES:
        assert after.phase == before.phase, "a final phase is left"
    assert after.observed_generation >= before.observed_generation
    assert len(after.trials) >= len(before.trials), "a trial is forgotten"
    for old, new in zip(before.trials, after.trials, strict=False):
        assert new.attempt >= old.attempt
        assert new.parameters == old.parameters, "a trial changes its parameters"
        assert old.phase not in ("Succeeded", "Failed") or new == old, "an ended trial changes"
    for part in ("data", "winner", "gates"):
        assert not getattr(before, part) or getattr(after, part) == getattr(before, part), part
    if before.evaluation is not None and after.evaluation is not None:
        assert after.evaluation.champion == before.evaluation.champion, "the champion is chosen twice"
        assert after.evaluation.attempt >= before.evaluation.attempt
    kept = [entry.id for entry in after.history]
    assert [entry.id for entry in before.history] == kept[: len(before.history)], "history is rewritten"
