"""Adds to what was observed of a Deployment the evidence on its candidate, and the verdicts on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.deployment import probation
from trimtab.deployment.analysis import Profiles
from trimtab.deployment.checkpoint import UnreadableCheckpoint
from trimtab.deployment.counted import CountLook, counts_question
from trimtab.deployment.evidence import Evidence, with_looks, with_source_counts
from trimtab.deployment.experiment import with_baseline
from trimtab.deployment.judgement import judge
from trimtab.deployment.mirrored import at_share
from trimtab.deployment.observed import DeploymentObserved, PodObserved, VersionObserved
from trimtab.deployment.pod_counters import SideName, Unit
from trimtab.deployment.queries import Look, Question, question
from trimtab.deployment.runtimes import TRIMTAB, MetricMapping, counts_of
from trimtab.deployment.stepping import running_step, time_stands
from trimtab.deployment.steps import position
from trimtab.deployment.traffic.providers import provider_of
from trimtab.deployment.uncounted import without_uncounted
from trimtab.experiment.observed import Artifact, Problem
from trimtab.model.kinds import DEPLOYMENT, ObjectKey
from trimtab.runtime.evidence_book import EvidenceBook
from trimtab.runtime.metrics_watch import MetricsWatch, Round
from trimtab.runtime.query_watch import QueryWatch
from trimtab.runtime.read_counts import count_look
from trimtab.runtime.targets import Endpoint, Targets, endpoint_of
from trimtab.sources.registry import RegistrySource
from trimtab.sources.scrape import Target
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.scoring import THRESHOLD


class RolloutJudge:
    def __init__(
        self,
        book: EvidenceBook,
        watch: MetricsWatch,
        queries: QueryWatch,
        registry: RegistrySource,
        targets: Targets,
    ) -> None:
        self._book = book
        self._watch = watch
        self._queries = queries
        self._registry = registry
        self._targets = targets

    async def judged(
        self, deployment: Deployment, observed: DeploymentObserved, now: datetime
    ) -> DeploymentObserved:
        """``observed`` with evidence and verdicts while there is a candidate beside a stable revision; with
        evidence alone while stable is on probation."""
        status = observed.status
        sides = probation.judged_sides(status)
        key = ObjectKey(DEPLOYMENT.id, observed.namespace, observed.name)
        if not sides:
            self._book.close(observed.uid)
            self._watch.forget(key, key)
            self._queries.forget(key)
            return observed
        try:
            known = await self._book.read(deployment, sides["candidate"], now)
        except UnreadableCheckpoint as error:
            text = f"the evidence checkpoint cannot be read ({error}); delete it to begin the analysis anew"
            return replace(observed, metrics_problem=text)
        artifacts = {name: await self._artifact(observed, side) for name, side in sides.items()}
        profiles = _profiles(artifacts)
        pods = {name: _pods(observed, side) for name, side in sides.items()}
        round_, problem = None, profiles.problem
        if not problem:
            # Pages cannot be read without their profile, and a look without stable's would be spent in vain.
            round_, problem = self._round(observed, key, sides, pods, artifacts)
        compared = "stable" in sides
        analysis, unit = observed.spec.rollout.analysis, _unit(observed, sides)
        looks = self._looks(observed, key, sides, known) if compared else {}
        seen = replace(observed, metrics_problem=problem)
        if compared:
            at = position(observed.spec.rollout.steps, status.step)
            known = at_share(known, at.share, provider_of(observed.spec).share(observed))
            known = with_source_counts(known, analysis, _count_looks(observed, sides, pods, looks), unit)
            self._book.keep(observed.uid, known)
            seen = replace(seen, query_problems=_problems(looks, known))
        evidence = self._book.tick(
            observed.uid,
            running_step(observed) if compared else probation.CLOCK_INDEX,
            frozen=time_stands(seen),
            stable_is_down=not any(pod.ready for pod in pods["stable" if compared else "candidate"]),
        )
        if round_ is not None:
            of = _sides_of(pods)
            leaving = frozenset(pod.uid for members in pods.values() for pod in members if pod.deleting)
            evidence = self._book.grow(deployment, round_, of, leaving, unit=unit)
            if compared and _is_compared_one_by_one(observed):
                evidence = self._book.compare(observed.uid, round_, of, _thresholds(profiles))
        if not compared:
            self._queries.forget(key)
            self._book.keep(observed.uid, evidence)
            return replace(seen, evidence=evidence)
        judged_step = status.step.index if status.step else 0
        evidence = with_looks(evidence, analysis, looks, judged_step)
        evidence = with_baseline(evidence, at)
        verdicts, evidence = judge(observed.spec, status.step, evidence, profiles, problem)
        runtimes = {name: endpoint.runtime for name, endpoint in _endpoints(observed, sides).items()}
        verdicts = without_uncounted(verdicts, analysis.effective_metrics, runtimes)
        self._book.keep(observed.uid, evidence)
        return replace(seen, evidence=evidence, verdicts=verdicts)

    def _round(
        self,
        observed: DeploymentObserved,
        key: ObjectKey,
        sides: Mapping[SideName, Side],
        pods: Mapping[SideName, Sequence[PodObserved]],
        artifacts: Mapping[SideName, Artifact | Problem | None],
    ) -> tuple[Round | None, str]:
        """The newest round, if all pods of it could be read; else why not.

        A round with a gap is left out as a whole: counters are cumulative, so the next one covers it.
        """
        endpoints, answers = _endpoints(observed, sides), _is_compared_one_by_one(observed)
        targets = [
            target
            for name, members in pods.items()
            for target in self._targets.of(
                [pod for pod in members if pod.ready and not pod.deleting],
                digest=sides[name].digest,
                artifact=artifacts[name],
                endpoint=endpoints[name],
                answers=answers,
            )
        ]
        round_ = self._watch.latest(key, key, targets)
        problem = _problem(round_.failures if round_ else {}, targets)
        if round_ is not None and not problem:
            fallen = self._book.fallen(observed.uid, round_, _sides_of(pods))
            names = sorted(pod.name for members in pods.values() for pod in members if pod.uid in fallen)
            problem = "; ".join(
                f"pod {name}: counters fell although the process is the same" for name in names
            )
        return (None if problem else round_), problem

    def _looks(
        self,
        observed: DeploymentObserved,
        key: ObjectKey,
        sides: Mapping[SideName, Side],
        evidence: Evidence,
    ) -> Mapping[str, Look]:
        """The newest look at each query of the spec, and at the counts of each preset with a source."""
        revisions = {name: side.revision for name, side in sides.items()}
        mappings = _mappings(observed, sides)

        def asked(metric: Metric) -> Question:
            if metric.query:
                known = evidence.queries.get(metric.name)
                return question(
                    metric,
                    namespace=observed.namespace,
                    deployment=observed.name,
                    revisions=revisions,
                    known=known,
                )
            return counts_question(
                metric,
                namespace=observed.namespace,
                deployment=observed.name,
                revisions=revisions,
                mappings=mappings,
                known=evidence.counted.get(metric.name),
            )

        metrics = observed.spec.rollout.analysis.metrics
        countable = len(mappings) == len(sides)
        return self._queries.latest(
            key, [asked(m) for m in metrics if m.query or (m.source_ref and countable)]
        )

    async def _artifact(self, observed: DeploymentObserved, side: Side) -> Artifact | Problem | None:
        version = _version(observed, side)
        if version is None or not version.profile_digest:
            return None
        return await self._registry.artifact(version.repository, side.digest)


def _endpoints(observed: DeploymentObserved, sides: Mapping[SideName, Side]) -> dict[SideName, Endpoint]:
    return {
        name: endpoint_of(observed.records, observed.workloads, side.revision) for name, side in sides.items()
    }


def _mappings(observed: DeploymentObserved, sides: Mapping[SideName, Side]) -> dict[SideName, MetricMapping]:
    """Where the runtime of each side counts; a side whose runtime counts nothing is left out."""
    found = {name: counts_of(endpoint.runtime) for name, endpoint in _endpoints(observed, sides).items()}
    return {name: mapping for name, mapping in found.items() if mapping is not None}


def _count_looks(
    observed: DeploymentObserved,
    sides: Mapping[SideName, Side],
    pods: Mapping[SideName, Sequence[PodObserved]],
    looks: Mapping[str, Look],
) -> dict[str, CountLook]:
    """Those at counts, read into pages."""
    mappings = _mappings(observed, sides)
    return {
        metric.name: count_look(metric, looks[metric.name], pods, mappings)
        for metric in observed.spec.rollout.analysis.metrics
        if metric.source_ref and not metric.query and metric.name in looks
    }


def _is_compared_one_by_one(observed: DeploymentObserved) -> bool:
    """Whether requests are being copied, and somebody wants to know who agrees."""
    copies = position(observed.spec.rollout.steps, observed.status.step).share.mirror > 0
    metrics = observed.spec.rollout.analysis.effective_metrics
    return copies and any(metric.preset == "agreement" for metric in metrics)


def _thresholds(profiles: Profiles) -> dict[SideName, float]:
    """The score above which a side's answer is class 1."""
    of: dict[SideName, Profile | None] = {"stable": profiles.stable, "candidate": profiles.candidate}
    return {side: profile.score.threshold if profile else THRESHOLD for side, profile in of.items()}


def _problems(looks: Mapping[str, Look], evidence: Evidence) -> dict[str, str]:
    """By metric, why its source said nothing."""
    asked = {name: look.problem for name, look in looks.items() if look.problem}
    return asked | {name: counted.problem for name, counted in evidence.counted.items() if counted.problem}


def _unit(observed: DeploymentObserved, sides: Mapping[SideName, Side]) -> Unit:
    """What the traffic provider divides; beside a foreign server, what all of them count."""
    foreign = any(endpoint.runtime != TRIMTAB for endpoint in _endpoints(observed, sides).values())
    return "request" if foreign else provider_of(observed.spec).unit


def _problem(failures: Mapping[str, str], targets: list[Target]) -> str:
    """Why the last round cannot be used: a pod that is still there was not read."""
    names = {target.name for target in targets}
    missing = sorted((name, why) for name, why in failures.items() if name in names)
    return "; ".join(f"pod {name}: {why}" for name, why in missing[:3])


def _profiles(artifacts: Mapping[SideName, Artifact | Problem | None]) -> Profiles:
    profiles: dict[SideName, Profile | None] = {"stable": None, "candidate": None}
    problems = []
    for name, artifact in artifacts.items():
        match artifact:
            case Artifact():
                profiles[name] = artifact.profile
            case Problem():
                problems.append(f"profile of {name}: {artifact.message}")
    return Profiles(profiles["stable"], profiles["candidate"], "; ".join(problems))


def _sides_of(pods: Mapping[SideName, Sequence[PodObserved]]) -> dict[str, SideName]:
    """The side of each pod, by uid."""
    return {pod.uid: name for name, members in pods.items() for pod in members}


def _pods(observed: DeploymentObserved, side: Side) -> tuple[PodObserved, ...]:
    workload = observed.workloads.get(side.revision)
    return workload.pods if workload else ()


def _version(observed: DeploymentObserved, side: Side) -> VersionObserved | None:
    return next((v for v in observed.versions if v.name == side.model_version), None)
