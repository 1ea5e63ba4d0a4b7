"""What the pods and endpoints of a side say now. A side is a revision with a role; the others are retired."""

from __future__ import annotations

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.deployment.traffic.capacity import within


def ready(observed: DeploymentObserved, side: Side | None) -> int:
    """Ready pods of a side, once its workload's controller has seen the last change."""
    workload = observed.workloads.get(side.revision) if side else None
    return workload.ready_replicas if workload and workload.settled and not workload.deleting else 0


def replicas_of(observed: DeploymentObserved, side: Side) -> int:
    """Pods that a side was told to have."""
    workload = observed.workloads.get(side.revision)
    return workload.replicas if workload else 0


def serving(observed: DeploymentObserved, side: Side | None) -> int:
    """Pods of a side that the front Service sends requests to."""
    workload = observed.workloads.get(side.revision) if side else None
    return workload.serving_pods if workload else 0


def routable(observed: DeploymentObserved, side: Side | None) -> int:
    """Ready endpoints of the Service of its revision."""
    workload = observed.workloads.get(side.revision) if side else None
    return workload.routable_pods if workload else 0


def answering(observed: DeploymentObserved, status: DeploymentStatus) -> int:
    """Pods that another side must have to take over from stable as it is now."""
    return within(observed.spec, ready(observed, status.stable))


def beside(observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Side | None, int]:
    """The side that has pods but no traffic, and how many: what a rollback is about to go back to, or might
    go back to for a while after a promotion."""
    probation = observed.spec.rollout.probation
    if status.rollback is not None or status.scale_down_at is not None:
        return status.last_good, answering(observed, status)
    if status.probation is not None and probation is not None:
        return status.last_good, min(probation.keep_warm, observed.spec.serving.replicas)
    return None, 0


def retired(observed: DeploymentObserved, status: DeploymentStatus) -> list[WorkloadObserved]:
    """Workloads of ours without a role."""
    waiting, _ = beside(observed, status)
    kept = {side.revision for side in (status.stable, status.candidate, waiting) if side is not None}
    return [workload for revision, workload in sorted(observed.workloads.items()) if revision not in kept]
