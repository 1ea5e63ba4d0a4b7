"""Metrics that are held against a plain bound. They have no error probability, so none of them aborts at one
look."""

from __future__ import annotations

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.evidence import Evidence


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
