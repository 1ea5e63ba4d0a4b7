"""Which children the roles in status call for, in an order that is safe to stop after any write.

1. no traffic to a side without ready endpoints;
2. traffic moves only when its target has the capacity for it;
3. a side shrinks only when it has no traffic: no endpoint of the front Service is one of its pods.
"""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment import build
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.model.kinds import WORKLOAD
from trimtab.model.plan import ChildWrite, Delete, Scale


def children_of(observed: DeploymentObserved, status: DeploymentStatus) -> tuple[ChildWrite, ...]:
    """Workloads grow, then the Service moves, then what left the Service shrinks."""
    sides = _sides(status)
    writes: list[ChildWrite] = []
    for side in sides:
        writes += _grow(observed, side)
    front = status.stable or status.candidate
    if front is not None:
        writes.append(build.front_service(observed, front.revision))
    writes += [Scale(WORKLOAD, w.body, 0) for w in _retired(observed, sides) if w.replicas > 0 and _idle(w)]
    return tuple(writes)


def deletions_of(observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
    """Retired workloads that have no pod any more. Their ControllerRevisions stay."""
    return tuple(
        _delete(workload)
        for workload in _retired(observed, _sides(status))
        if workload.replicas == 0 and not workload.pods and workload.settled and not workload.deleting
    )


def _grow(observed: DeploymentObserved, side: Side) -> list[ChildWrite]:
    record = observed.records.get(side.revision)
    if record is None:
        return []
    writes: list[ChildWrite] = [build.workload(observed, record)]
    workload = observed.workloads.get(side.revision)
    wanted = observed.spec.serving.replicas
    if workload is not None and workload.replicas != wanted:
        writes.append(Scale(WORKLOAD, workload.body, wanted))
    return writes


def _retired(observed: DeploymentObserved, sides: Sequence[Side]) -> list[WorkloadObserved]:
    """Workloads of ours without a role."""
    kept = {side.revision for side in sides}
    return [workload for revision, workload in sorted(observed.workloads.items()) if revision not in kept]


def _idle(workload: WorkloadObserved) -> bool:
    return workload.serving_pods == 0


def _sides(status: DeploymentStatus) -> list[Side]:
    return [side for side in (status.stable, status.candidate) if side is not None]


def _delete(workload: WorkloadObserved) -> Delete:
    meta = workload.body["metadata"]
    return Delete(WORKLOAD, meta["namespace"], meta["name"], meta["uid"], meta["resourceVersion"])
