"""The verdicts on a candidate in one pass, and what of them must be remembered.

A look of a distribution metric spends its error probability, so its answer is latched in the evidence for the
rest of the step; later passes, and later processes, repeat it instead of looking again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.apis.v1alpha1.deployment_status import StepStatus
from trimtab.deployment.analysis import (
    MetricVerdict,
    Profiles,
    Verdict,
    alpha_of,
    judge_counted,
    judge_distribution,
    judge_rate,
)
from trimtab.deployment.bounds import judge_load, judge_query
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.judge_agreement import judge_agreement
from trimtab.deployment.mirrored import chances
from trimtab.deployment.steps import Position, looks, position, step_key


def judge(
    spec: DeploymentSpec, step: StepStatus | None, evidence: Evidence, profiles: Profiles, problem: str
) -> tuple[tuple[MetricVerdict, ...], Evidence]:
    """Verdicts of all metrics, and the evidence with newly taken looks latched.

    ``problem``: why the pods cannot be read now. Then nothing of theirs is judged anew; a failure that stands
    already stays one. Sources have problems of their own.
    """
    at = position(spec.rollout.steps, step)
    fresh = [
        _judged(metric, spec, at, evidence, profiles) for metric in spec.rollout.analysis.effective_metrics
    ]
    key = step_key(evidence.turn, at.index)
    verdicts = tuple(_remembered(evidence, key, verdict) or verdict for verdict in fresh)
    if problem:
        of_sources = {metric.name for metric in spec.rollout.analysis.metrics if metric.source_ref}
        return tuple(v if v.name in of_sources else _unread(v, problem) for v in verdicts), evidence
    taken = {_key(key, v.name): _dump(v) for v in verdicts if v.looked}
    if taken.keys() <= evidence.latched.keys():
        return verdicts, evidence
    return verdicts, replace(evidence, latched={**evidence.latched, **taken})


def _judged(
    metric: Metric, spec: DeploymentSpec, at: Position, evidence: Evidence, profiles: Profiles
) -> MetricVerdict:
    """One metric as of now. Rates are judged at every step, distributions in analyze steps."""
    alpha, steps = alpha_of(spec.rollout.analysis), spec.rollout.steps
    match metric.preset:
        case "errorRate" | "clientErrors" | "latency":
            min_samples = at.analyze.min_samples if at.analyze else 0
            rate = judge_rate if metric.source_ref is None else judge_counted
            return rate(metric, evidence, alpha=alpha / chances(steps), min_samples=min_samples)
        case "saturation":
            return judge_load(metric, evidence)
        case None:
            return judge_query(metric, evidence, at.index)
        case "agreement":
            return judge_agreement(metric, evidence, alpha=alpha, looks=looks(steps), at=at)
        case "trainServeSkew" | "predictionShift":
            total = looks(steps)
            return judge_distribution(metric, evidence, profiles, alpha=alpha, looks=total, step=at.analyze)


def _remembered(evidence: Evidence, step: str, verdict: MetricVerdict) -> MetricVerdict | None:
    stored = evidence.latched.get(_key(step, verdict.name))
    return None if stored is None else _load(verdict, stored)


def _unread(verdict: MetricVerdict, problem: str) -> MetricVerdict:
    if verdict.verdict is Verdict.FAIL:
        return verdict
    return replace(verdict, verdict=Verdict.PROVIDER_ERROR, message=problem)


def _key(step: str, metric: str) -> str:
    return f"{step}/{metric}"


def _dump(verdict: MetricVerdict) -> dict[str, str]:
    return {
        "verdict": verdict.verdict.value,
        "samples": str(verdict.samples),
        "value": "" if verdict.value is None else repr(verdict.value),
        "message": verdict.message,
    }


def _load(verdict: MetricVerdict, stored: Mapping[str, str]) -> MetricVerdict:
    return replace(
        verdict,
        verdict=Verdict(stored["verdict"]),
        samples=int(stored["samples"]),
        value=float(stored["value"]) if stored["value"] else None,
        samples_to_verdict=0,
        message=stored["message"],
        looked=True,
    )
