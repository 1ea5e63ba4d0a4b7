"""podHealth: what the candidate's pods themselves say. Needs no samples and no error probability."""

from __future__ import annotations

from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.observed import DeploymentObserved, PodObserved

NAME = "podHealth"
UNREADY_LIMIT_SECONDS = 15.0


def judge_pods(observed: DeploymentObserved, candidate: Side, now: datetime) -> MetricVerdict:
    """Fail at a container restart, or when a pod that was ready is not ready for 15 s.

    Pods that are being deleted do not count; pods that never were ready are the progress deadline's business:
    a pod was ready if its metrics have been read.
    """
    workload = observed.workloads.get(candidate.revision)
    pods = [pod for pod in workload.pods if not pod.deleting] if workload else []
    known = observed.evidence.pods if observed.evidence else {}
    for pod in pods:
        problem = _problem(pod, was_ready=pod.uid in known, now=now)
        if problem:
            return MetricVerdict(NAME, Verdict.FAIL, True, samples=len(pods), message=problem)
    if not pods:
        return MetricVerdict(NAME, Verdict.NO_DATA, True, message="no pods yet")
    return MetricVerdict(NAME, Verdict.PASS, True, samples=len(pods), message=f"{len(pods)} pods")


def _problem(pod: PodObserved, *, was_ready: bool, now: datetime) -> str:
    if pod.restarts:
        why = f": {pod.trouble.message}" if pod.trouble else ""
        return f"pod {pod.name} restarted{why}"
    if was_ready and pod.not_ready_since is not None:
        seconds = (now - pod.not_ready_since).total_seconds()
        if seconds > UNREADY_LIMIT_SECONDS:
            return f"pod {pod.name} lost its readiness for {seconds:.0f} s"
    return ""
