"""A very small world around one Deployment: workloads, pods and endpoints that follow late, or not at all.

It carries out plans as the API server would, and checks at each write the three rules of safety: no traffic
to a side without ready pods, none before its pods are there, and no side shrinks away under its traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.cluster.apply import is_applied, with_intent
from trimtab.deployment.analysis import MetricVerdict
from trimtab.deployment.decide import decide
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.observed import (
    DeploymentObserved,
    PodObserved,
    RevisionRecord,
    VersionObserved,
    WorkloadObserved,
)
from trimtab.deployment.probation import CLOCK_INDEX, judged_sides
from trimtab.deployment.revision import parse_record
from trimtab.deployment.stepping import running_step, time_stands
from trimtab.deployment.steps import step_key
from trimtab.deployment.turn import turn_name
from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP, CONTROLLER_REVISION, POD_DISRUPTION_BUDGET, SERVICE, WORKLOAD
from trimtab.model.plan import Apply, Create, Delete, Plan, Scale, controller_uid
from trimtab.stats.evidence import RateEvidence


class Refused(Exception):
    """The write meets another state than it was decided on."""


@dataclass
class Pod:
    name: str
    ready: bool = False


@dataclass
class Workload:
    """An apps/v1 Deployment with what its controller has got round to."""

    body: dict[str, Any]
    replicas: int = 1
    generation: int = 1
    seen_generation: int = 0
    seen_ready: int = 0
    deleting: bool = False
    pods: list[Pod] = field(default_factory=list)

    @property
    def revision(self) -> str:
        return str(self.body["metadata"]["labels"][names.LABEL_REVISION])


class World:
    def __init__(self, spec: DeploymentSpec, versions: tuple[VersionObserved, ...]) -> None:
        self.spec, self.versions = spec, versions
        self.generation = 1
        self.now = NOW
        self.status: dict[str, Any] = {}
        self.records: dict[str, RevisionRecord] = {}
        self.workloads: dict[str, Workload] = {}
        self.service: dict[str, Any] | None = None
        self.checkpoint: dict[str, Any] | None = None
        self.budgets: dict[str, dict[str, Any]] = {}
        self.endpoints: set[str] = set()
        self.verdicts: tuple[MetricVerdict, ...] = ()
        self.metrics_problem = ""
        self.action = ""
        self.seconds: dict[str, float] = {}
        self.rates: dict[str, RateEvidence] = {}
        self.stable_down_seconds = 0.0
        self.writes = 0
        self.pods_fail = False
        self._number = 100

    # --- what the operator sees ----------------------------------------------------------------------------

    @property
    def typed(self) -> DeploymentStatus:
        return DeploymentStatus.model_validate(self.status)

    def observe(self) -> DeploymentObserved:
        status = self.typed
        return samples.observed(
            status,
            of=self.spec,
            generation=self.generation,
            versions=self.versions,
            records=dict(self.records),
            workloads={revision: self._observe(w) for revision, w in self.workloads.items()},
            budgets=dict(self.budgets),
            service=self.service,
            checkpoint=self.checkpoint,
            verdicts=self.verdicts if status.candidate else (),
            evidence=self._evidence(status),
            metrics_problem=self.metrics_problem,
            action=self.action,
        )

    def _evidence(self, status: DeploymentStatus) -> Evidence | None:
        sides = judged_sides(status)
        if not sides:
            return None
        return Evidence(
            turn_name(sides["candidate"]),
            NOW,
            observed_seconds=dict(self.seconds),
            rates=dict(self.rates),
            stable_down_seconds=self.stable_down_seconds,
        )

    def _observe(self, workload: Workload) -> WorkloadObserved:
        return WorkloadObserved(
            revision=workload.revision,
            body=workload.body,
            replicas=workload.replicas,
            ready_replicas=workload.seen_ready,
            settled=workload.seen_generation >= workload.generation,
            deleting=workload.deleting,
            pods=tuple(
                PodObserved(p.name, p.name, "", p.ready, False, p.name in self.endpoints)
                for p in workload.pods
            ),
        )

    # --- one pass ------------------------------------------------------------------------------------------

    def reconcile(self, *, crash_after: int | None = None) -> int:
        """Observe, decide, write; returns how many writes were needed."""
        self.now += timedelta(seconds=1)
        plan = decide(self.observe(), self.now)
        writes = [w for w in _writes_of(plan) if not self._is_done(w)]
        try:
            for write in writes[:crash_after]:
                self._carry_out(write)
                self.writes += 1
        except Refused:
            pass
        return len(writes)

    def _is_done(self, write: Any) -> bool:
        return isinstance(write, Apply) and bool(
            write.known and is_applied(with_intent(write.body), write.known)
        )

    def _carry_out(self, write: Any) -> None:
        match write:
            case Apply(kind=kind) if kind is WORKLOAD:
                self._apply_workload(write)
            case Apply(kind=kind) if kind is SERVICE:
                self._apply_service(write)
            case Apply(kind=kind) if kind is POD_DISRUPTION_BUDGET:
                revision = write.body["metadata"]["labels"][names.LABEL_REVISION]
                self.budgets[revision] = self._stored(write, self.budgets.get(revision))
            case Apply(kind=kind) if kind is CONFIG_MAP:
                self.checkpoint = self._stored(write, self.checkpoint)
            case Create():
                record = parse_record(write.body)
                self.records.setdefault(record.revision, record)
            case Scale():
                self._scale(write)
            case Delete(kind=kind) if kind is CONTROLLER_REVISION:
                self.records = {r: kept for r, kept in self.records.items() if not write.name.endswith(r)}
            case Delete():
                self._delete(write)
            case Mapping():
                self._write_status(dict(write))
            case _:
                raise AssertionError(f"no such write: {write}")

    def _stored(self, apply: Apply, current: Mapping[str, Any] | None) -> dict[str, Any]:
        if (apply.known is None) != (current is None):
            raise Refused
        if apply.known is not None and current is not None:
            self._same_version(apply.known, current)
        self._number += 1
        body = with_intent(apply.body)
        uid = current["metadata"]["uid"] if current else f"uid-{self._number}"
        meta = {**body["metadata"], "uid": uid, "resourceVersion": str(self._number)}
        return {**body, "metadata": meta}

    @staticmethod
    def _same_version(known: Mapping[str, Any], current: Mapping[str, Any]) -> None:
        if known["metadata"]["resourceVersion"] != current["metadata"]["resourceVersion"]:
            raise Refused

    def _apply_workload(self, apply: Apply) -> None:
        assert "replicas" not in apply.body["spec"], "a dropped replicas would default to 1"
        revision = apply.body["metadata"]["labels"][names.LABEL_REVISION]
        known = self.workloads.get(revision)
        body = self._stored(apply, known.body if known else None)
        if known is None:
            self.workloads[revision] = Workload(body)
        else:
            assert not known.deleting, "what is about to go is changed"
            known.body, known.generation = body, known.generation + 1

    def _apply_service(self, apply: Apply) -> None:
        moved = self._stored(apply, self.service)
        before, after = self.selected(self.service), self.selected(moved)
        self.service = moved
        if before - after and not self.pods_fail:
            ready = [w for r, w in self.workloads.items() if r in after and any(p.ready for p in w.pods)]
            assert ready, f"traffic moves to {sorted(after)}, which has no ready pod"

    def selected(self, service: Mapping[str, Any] | None) -> set[str]:
        """Revisions whose pods the Service selects."""
        if service is None:
            return set()
        revision = service["spec"]["selector"].get(names.LABEL_REVISION)
        return {revision} if revision else set(self.workloads)

    def _scale(self, scale: Scale) -> None:
        workload = self._guarded(scale.known)
        if scale.replicas == 0:
            assert not self.serving(workload), "a side shrinks away under its traffic"
        workload.replicas, workload.generation = scale.replicas, workload.generation + 1
        self._touch(workload)

    def _delete(self, deletion: Delete) -> None:
        found = [r for r, w in self.workloads.items() if w.body["metadata"]["name"] == deletion.name]
        if not found:
            raise Refused
        workload = self.workloads[found[0]]
        if workload.body["metadata"]["resourceVersion"] != deletion.resource_version:
            raise Refused
        assert not self.serving(workload), "a workload is deleted under its traffic"
        assert deletion.foreground, "its pods would be there when it is not"
        assert not workload.deleting, "it is on its way already"
        workload.deleting = True
        self._touch(workload)

    def _guarded(self, known: Mapping[str, Any]) -> Workload:
        for workload in self.workloads.values():
            if workload.body["metadata"]["uid"] == known["metadata"]["uid"]:
                self._same_version(known, workload.body)
                return workload
        raise Refused

    def _touch(self, workload: Workload) -> None:
        self._number += 1
        meta = {**workload.body["metadata"], "resourceVersion": str(self._number)}
        workload.body = {**workload.body, "metadata": meta}

    def _write_status(self, status: dict[str, Any]) -> None:
        after = DeploymentStatus.model_validate(status)
        assert after.to_wire() == status, "the status does not survive being read back"
        self._check_third(after)
        _assert_forward(self.typed, after)
        self.status = status

    def _check_third(self, after: DeploymentStatus) -> None:
        if after.weight is not None and after.weight.applied > 0:
            having = {w.revision for w in self.workloads.values() if w.pods}
            sides = {side.revision for side in (after.stable, after.candidate) if side is not None}
            assert having <= sides, "a third revision has pods behind a Service over both sides"

    # --- what others do ------------------------------------------------------------------------------------

    def serving(self, workload: Workload) -> int:
        return sum(pod.name in self.endpoints for pod in workload.pods)

    def control(self, *, ready: bool) -> None:
        """The controllers of workloads get round to it: pods come and go; ``ready``: all of them start up."""
        for revision in [r for r, w in self.workloads.items() if w.deleting and not w.pods]:
            del self.workloads[revision]
        owners = {w.body["metadata"]["uid"] for w in self.workloads.values()}
        self.budgets = {r: b for r, b in self.budgets.items() if controller_uid(b) in owners}
        for workload in self.workloads.values():
            if workload.deleting:
                workload.replicas = 0
            while len(workload.pods) < workload.replicas:
                self._number += 1
                workload.pods.append(Pod(f"{workload.revision}-{self._number}"))
            workload.pods.sort(key=lambda pod: not pod.ready)
            del workload.pods[workload.replicas :]
            for pod in workload.pods:
                pod.ready = pod.ready or ready
            workload.seen_generation = workload.generation
            workload.seen_ready = sum(pod.ready for pod in workload.pods)
            self._touch(workload)
        self.endpoints &= {pod.name for w in self.workloads.values() for pod in w.pods}

    def route(self) -> None:
        """The endpoint controller gets round to it."""
        selected = self.selected(self.service)
        self.endpoints = {
            pod.name for r, w in self.workloads.items() if r in selected for pod in w.pods if pod.ready
        }

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        status = self.typed
        stands = time_stands(self.observe())
        if status.probation is not None and status.stable is not None and not stands:
            key = step_key(turn_name(status.stable), CLOCK_INDEX)
            self.seconds[key] = self.seconds.get(key, 0.0) + seconds
        if status.candidate is not None and status.step is not None and not stands:
            key = step_key(turn_name(status.candidate), running_step(self.observe()))
            self.seconds[key] = self.seconds.get(key, 0.0) + seconds

    def change_spec(self, **changes: Any) -> None:
        wire = self.spec.to_wire() | changes
        self.spec = DeploymentSpec.model_validate(wire)
        self.generation += 1

    def settle(self, *, passes: int = 150) -> None:
        """Everybody does their work, and nothing else happens: all comes to rest, longer than any pause."""
        quiet = 0
        for _ in range(passes):
            quiet = quiet + 1 if self.reconcile() == 0 else 0
            if quiet == 6:
                return
            self.control(ready=True)
            self.route()
            self.pass_time(10)
        raise AssertionError(f"no rest: {self.status}")


def _writes_of(plan: Plan) -> list[Any]:
    return [*([plan.status] if plan.status is not None else []), *plan.children, *plan.deletions]


def _assert_forward(before: DeploymentStatus, after: DeploymentStatus) -> None:
    assert after.observed_generation >= before.observed_generation
    kept = {entry.id for entry in after.history}
    assert len(kept) == len(after.history)
    if len(after.history) < 50:
        assert {entry.id for entry in before.history} <= kept, "history is forgotten"
    failed = {entry.revision for entry in before.quarantine} & {entry.revision for entry in after.quarantine}
    if after.candidate is not None and after.candidate != before.candidate:
        assert after.candidate.revision not in failed, "the same bytes are tried again"
    if after.stable != before.stable:
        assert after.stable is not None, "what serves loses its role"
        role = before.last_good if before.rollback else before.candidate
        assert role is not None
        assert after.stable.revision == role.revision
    same_turn = before.candidate is not None and before.candidate == after.candidate
    if same_turn and before.step is not None and after.step is not None:
        assert after.step.index >= before.step.index, "steps go backwards"
        assert before.weight is None or after.weight is None or after.weight.desired >= before.weight.desired
