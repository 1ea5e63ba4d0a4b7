"""Adds to what was observed of a DriftMonitor its open window, and the judgement of one that was closed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.cluster.cache import Cache
from trimtab.deployment.observed import PodObserved, WorkloadObserved
from trimtab.deployment.runtimes import TRIMTAB
from trimtab.driftmonitor.checkpoint import UnreadableCheckpoint
from trimtab.driftmonitor.judgement import Judgement, is_repeat, judge
from trimtab.driftmonitor.observed import DriftMonitorObserved
from trimtab.driftmonitor.reasons import Reason
from trimtab.driftmonitor.windows import OpenWindow, Round, window_at
from trimtab.experiment.observed import Artifact, Problem
from trimtab.model.errors import Transient
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, MODEL_VERSION, ObjectKey
from trimtab.model.names import window_config_map
from trimtab.runtime import metrics_watch
from trimtab.runtime.metrics_watch import MetricsWatch
from trimtab.runtime.observe_workloads import records_of, workloads_of
from trimtab.runtime.targets import Targets, endpoint_of
from trimtab.runtime.window_book import WindowBook
from trimtab.sources.registry import RegistrySource
from trimtab.sources.scrape import Target
from trimtab_runtime.contract.profile import Profile

Found = Artifact | Problem | None
NO_POD = "no pod of stable is ready"


@dataclass(frozen=True)
class Served:
    """The watched Deployment, its stable side, and what that is judged against."""

    deployment: Deployment
    stable: Side
    artifact: Artifact
    profile: Profile


@dataclass(frozen=True)
class _Pods:
    """The pods of a Deployment as a round sees them: those that must be read, and those that may."""

    stable: dict[str, PodObserved]
    others: dict[str, PodObserved]
    required: list[Target]
    optional: list[Target]


class DriftJudge:
    def __init__(
        self,
        book: WindowBook,
        cache: Cache,
        watch: MetricsWatch,
        registry: RegistrySource,
        targets: Targets,
    ) -> None:
        self._book = book
        self._cache = cache
        self._watch = watch
        self._registry = registry
        self._targets = targets

    async def judged(
        self, observed: DriftMonitorObserved, served: Served, now: datetime
    ) -> DriftMonitorObserved:
        """``observed`` with the newest round counted. Raises Transient for a checkpoint that nobody can read:
        ConfigMaps are not watched, so it is looked for again."""
        window = await self._open(observed, served, now)
        pods = await self._pods(served)
        monitor = ObjectKey(DRIFT_MONITOR.id, observed.namespace, observed.name)
        deployment = ObjectKey(DEPLOYMENT.id, observed.namespace, served.deployment.metadata.name)
        targets = [*pods.required, *pods.optional]
        round_ = self._watch.latest(deployment, monitor, targets, due=window.end)
        problem = _problem(round_, pods)
        if round_ is not None and not problem:
            window = self._book.fill(observed.uid, round_.number, _seen(round_, pods))
            self._watch.latest(deployment, monitor, targets, due=window.end)
        return replace(
            observed,
            window=window,
            judgement=self._judgement(observed, served),
            problem=problem if window.is_overdue(now) else "",
        )

    async def _open(self, observed: DriftMonitorObserved, served: Served, now: datetime) -> OpenWindow:
        stored = observed.status.reference
        mixed = stored is not None and stored.digest != served.stable.digest
        fresh = window_at(now, observed.spec.window_seconds, served.stable.digest, mixed=mixed)
        try:
            return await self._book.open(observed.uid, observed.namespace, observed.name, fresh)
        except UnreadableCheckpoint as error:
            name = window_config_map(observed.name)
            text = f"ConfigMap {name} cannot be read ({error}); delete it to begin its window anew"
            raise Transient(Reason.EVIDENCE_UNREADABLE, text) from error

    def _judgement(self, observed: DriftMonitorObserved, served: Served) -> Judgement | None:
        """That of the last closed window, if status does not show it and it says anything new."""
        closed, status = self._book.closed(observed.uid), observed.status
        if closed is None or closed.digest != served.stable.digest or status.reference is None:
            return None
        shown_until = [status.reference.since, status.window.end if status.window else None]
        if any(moment is not None and closed.end <= moment for moment in shown_until):
            return None
        judgement = judge(observed.spec, status, served.profile, closed)
        return None if judgement is None or is_repeat(status, judgement) else judgement

    async def _pods(self, served: Served) -> _Pods:
        uid = served.deployment.metadata.uid
        workloads = workloads_of(self._cache, uid)
        records = records_of(self._cache, uid)
        stable = _members(workloads, served.stable.revision)

        def targets(pods: Iterable[PodObserved], side: Side, artifact: Found) -> list[Target]:
            endpoint = endpoint_of(records, workloads, side.revision)
            if endpoint.runtime != TRIMTAB:
                return []
            return self._targets.of(pods, digest=side.digest, artifact=artifact, endpoint=endpoint)

        ready = [pod for pod in stable.values() if pod.ready and not pod.deleting]
        leaving = [pod for pod in stable.values() if pod.deleting]
        required = targets(ready, served.stable, served.artifact)
        optional = targets(leaving, served.stable, served.artifact)
        others: dict[str, PodObserved] = {}
        candidate = served.deployment.status.candidate
        if candidate is not None:
            others = _members(workloads, candidate.revision)
            answering = [pod for pod in others.values() if pod.ready]
            optional += targets(answering, candidate, await self._artifact(served, candidate))
        return _Pods(stable, others, required, optional)

    async def _artifact(self, served: Served, side: Side) -> Found:
        namespace = served.deployment.metadata.namespace
        version = self._cache.get(MODEL_VERSION, namespace, side.model_version)
        if version is None:
            return None
        return await self._registry.artifact(version["spec"]["artifact"]["repository"], side.digest)


def _members(workloads: dict[str, WorkloadObserved], revision: str) -> dict[str, PodObserved]:
    workload = workloads.get(revision)
    return {pod.uid: pod for pod in workload.pods} if workload else {}


def _problem(round_: metrics_watch.Round | None, pods: _Pods) -> str:
    """Why the last round cannot be used: a ready pod of stable was not read."""
    if not pods.required:
        return NO_POD
    return "; ".join(list(_failures(round_, pods))[:3]) if round_ else ""


def _failures(round_: metrics_watch.Round, pods: _Pods) -> Iterator[str]:
    for target in sorted(pods.required, key=lambda target: target.name):
        if target.name in round_.failures:
            yield f"pod {target.name}: {round_.failures[target.name]}"


def _seen(round_: metrics_watch.Round, pods: _Pods) -> Round:
    pages = round_.pages
    return Round(
        at=round_.at,
        stable={uid: pages[uid] for uid in pods.stable if uid in pages},
        others={uid: pages[uid] for uid in pods.others if uid in pages},
        leaving=frozenset(uid for uid, pod in pods.stable.items() if pod.deleting),
        present=frozenset((*pods.stable, *pods.others)),
    )
