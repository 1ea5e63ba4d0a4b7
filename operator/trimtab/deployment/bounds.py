"""Metrics that are held against a plain bound. They have no error probability, so none of them aborts at one
look."""

from __future__ import annotations

from math import isfinite

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.queries import QueryEvidence, bound_of


def judge_load(metric: Metric, evidence: Evidence) -> MetricVerdict:
    """saturation: requests in a pod of the candidate at a time, in the mean over about a minute."""
    value, bound = evidence.load["candidate"].requests_per_pod, float(metric.max_in_flight or "inf")
    if value is None:
        text = "the candidate's pods were not watched for long enough"
        return MetricVerdict(metric.name, Verdict.NO_DATA, metric.aborts, bound=bound, message=text)
    stable = evidence.load["stable"].requests_per_pod
    beside = "" if stable is None else f", stable {stable:.2f}"
    return MetricVerdict(
        name=metric.name,
        verdict=Verdict.FAIL if value > bound else Verdict.PASS,
        aborts=metric.aborts,
        value=value,
        bound=bound,
        message=f"candidate {value:.2f} requests in a pod{beside}",
    )


def judge_query(metric: Metric, evidence: Evidence, step: int) -> MetricVerdict:
    """A query: looks in a row beyond its bound fail, as many within it pass."""
    seen, needed = evidence.queries.get(metric.name), metric.looks_to_verdict
    bound = bound_of(metric)
    if seen is None:
        text = "not asked yet"
        return MetricVerdict(metric.name, Verdict.NO_DATA, metric.aborts, bound=bound, message=text)
    within = seen.within if seen.step == step else 0
    return MetricVerdict(
        name=metric.name,
        verdict=_query_verdict(seen, within, needed),
        aborts=metric.aborts,
        samples=seen.looks,
        value=seen.value if seen.value is None or isfinite(seen.value) else None,
        bound=bound,
        samples_to_verdict=max(0, needed - max(seen.beyond, within)),
        message=seen.problem or f"{seen.message}; {_run(seen.beyond, within)}, {needed} decide",
    )


def _query_verdict(seen: QueryEvidence, within: int, needed: int) -> Verdict:
    """A failure that stands is one also while there is no answer; a pass must be one now."""
    if seen.beyond >= needed:
        return Verdict.FAIL
    if seen.problem:
        return Verdict.PROVIDER_ERROR
    if seen.empty:
        return Verdict.NO_DATA
    return Verdict.PASS if within >= needed else Verdict.INCONCLUSIVE


def _run(beyond: int, within: int) -> str:
    return f"{beyond} in a row beyond the bound" if beyond else f"{within} in a row within it"
