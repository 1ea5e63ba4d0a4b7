"""Which children the roles in status call for, in an order that is safe to stop after any write.

1. no traffic to a side without ready endpoints;
2. traffic moves only when its target has the capacity for it;
3. a side shrinks only when it has no traffic: no endpoint of the front Service is one of its pods.

Everything follows from the status and what is observed, so a pass that comes again after a crash plans the
same writes, less those that were done.
"""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment import build
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.deployment.traffic.replica_ratio import Pair, pair
from trimtab.model.kinds import WORKLOAD
from trimtab.model.plan import ChildWrite, Delete, Scale


@dataclass(frozen=True)
class Traffic:
    """Where the front Service points: at one revision, or (``both``) at all pods of the Deployment."""

    revision: str
    both: bool = False


@dataclass(frozen=True)
class Wanted:
    """What the roles call for in this pass."""

    pair: Pair
    traffic: Traffic | None


def wanted(observed: DeploymentObserved, status: DeploymentStatus, weight: int) -> Wanted:
    """Pods and traffic for a weight: what may move now, given what is ready now."""
    replicas = observed.spec.serving.replicas
    stable, candidate = status.stable, status.candidate
    if stable is None:
        return Wanted(Pair(0, replicas), _first_traffic(observed, candidate) if candidate else None)
    if status.abort is not None:
        return Wanted(Pair(replicas, 0), _traffic_back(observed, stable, 1))
    if candidate is None:
        return Wanted(Pair(replicas, 0), _traffic_back(observed, stable, replicas))
    if weight >= 100:
        # The candidate grows to full size beside stable; the roles swap when it is there.
        both = is_split(observed) and not third_pods(observed, status)
        kept = min(_replicas(observed, stable), replicas) if both else replicas
        return Wanted(Pair(kept, replicas), Traffic(stable.revision, both))
    target = pair(replicas, weight)
    if may_split(observed, status, target):
        return Wanted(target, Traffic(stable.revision, both=True))
    # Until both sides have traffic, stable has all of it and needs all of its pods.
    return Wanted(Pair(replicas, target.candidate), _traffic_back(observed, stable, replicas))


def may_split(observed: DeploymentObserved, status: DeploymentStatus, target: Pair) -> bool:
    """Whether both sides may have traffic: the candidate has its pods, and nobody else has any.

    A superseded candidate may have left the Service split: its pods must go before the next one has traffic.
    """
    candidate = status.candidate
    if candidate is None or status.stable is None or target.candidate == 0 or third_pods(observed, status):
        return False
    return is_split(observed) or ready(observed, candidate) >= target.candidate


def third_pods(observed: DeploymentObserved, status: DeploymentStatus) -> bool:
    """Whether a revision without a role still has a pod, which a Service over both sides would hit."""
    return any(workload.pods for workload in _retired(observed, status))


def ready(observed: DeploymentObserved, side: Side | None) -> int:
    """Ready pods of a side, once its workload's controller has seen the last change."""
    workload = observed.workloads.get(side.revision) if side else None
    return workload.ready_replicas if workload and workload.settled and not workload.deleting else 0


def _replicas(observed: DeploymentObserved, side: Side) -> int:
    workload = observed.workloads.get(side.revision)
    return workload.replicas if workload else 0


def serving(observed: DeploymentObserved, side: Side | None) -> int:
    """Pods of a side that the front Service sends requests to."""
    workload = observed.workloads.get(side.revision) if side else None
    return workload.serving_pods if workload else 0


def children_of(
    observed: DeploymentObserved, status: DeploymentStatus, want: Wanted
) -> tuple[ChildWrite, ...]:
    """Sides grow, then the Service moves, then sides shrink that have no traffic to lose."""
    writes: list[ChildWrite] = []
    sizes = ((status.candidate, want.pair.candidate), (status.stable, want.pair.stable))
    for side, size in sizes:
        writes += _ensure(observed, side, size)
    if want.traffic is not None:
        both = want.traffic.both
        writes.append(build.front_service(observed, None if both else want.traffic.revision))
    writes += _shrink(observed, status.candidate, want.pair.candidate, status.stable, want.pair.stable)
    writes += _shrink(observed, status.stable, want.pair.stable, status.candidate, want.pair.candidate)
    return tuple(writes)


def deletions_of(observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
    """Retired workloads without traffic. Their ControllerRevisions stay.

    They are deleted in the foreground: an object that is still there says that pods of it are.
    """
    return tuple(
        _delete(workload)
        for workload in _retired(observed, status)
        if _idle(workload) and not workload.deleting
    )


def _ensure(observed: DeploymentObserved, side: Side | None, size: int) -> list[ChildWrite]:
    """The side's workload, from its frozen record, with at least ``size`` pods."""
    record = observed.records.get(side.revision) if side else None
    if record is None or side is None:
        return []
    workload = observed.workloads.get(side.revision)
    if workload is not None and workload.deleting:
        return []  # made again when it is gone
    if size == 0 and workload is None:
        return []
    writes: list[ChildWrite] = [build.workload(observed, record)]
    if workload is not None and workload.replicas < size:
        writes.append(Scale(WORKLOAD, workload.body, size))
    return writes


def _shrink(
    observed: DeploymentObserved, side: Side | None, size: int, other: Side | None, other_size: int
) -> list[ChildWrite]:
    """Fewer pods for a side, once the other one answers with all of its own.

    A side that loses all of its pods must be out of the Service already.
    """
    workload = observed.workloads.get(side.revision) if side else None
    if workload is None or workload.replicas <= size:
        return []
    if size == 0:
        return [Scale(WORKLOAD, workload.body, 0)] if _idle(workload) else []
    if other is not None and other_size > 0 and serving(observed, other) < other_size:
        return []
    return [Scale(WORKLOAD, workload.body, size)]


def _traffic_back(observed: DeploymentObserved, stable: Side, floor: int) -> Traffic:
    """All traffic to stable once it has ``floor`` ready pods; until then nobody loses the pods that answer.

    It only waits: a Service that selects stable alone is never widened here.
    """
    others = sum(w.serving_pods for revision, w in observed.workloads.items() if revision != stable.revision)
    waits = is_split(observed) and ready(observed, stable) < floor and others > 0
    return Traffic(stable.revision, both=waits)


def _first_traffic(observed: DeploymentObserved, candidate: Side) -> Traffic:
    """Traffic to the first version, also while some of its pods are missing.

    One that another first version left half ready answers until the new one is ready.
    """
    left = build.selected_revision(observed.service) if observed.service else None
    before = observed.workloads.get(left) if left and left != candidate.revision else None
    if before and before.serving_pods and ready(observed, candidate) < observed.spec.serving.replicas:
        return Traffic(before.revision)
    return Traffic(candidate.revision)


def is_split(observed: DeploymentObserved) -> bool:
    """Whether the Service selects both sides now."""
    return observed.service is not None and build.selects_both(observed.service)


def _retired(observed: DeploymentObserved, status: DeploymentStatus) -> list[WorkloadObserved]:
    """Workloads of ours without a role."""
    kept = {side.revision for side in (status.stable, status.candidate) if side is not None}
    return [workload for revision, workload in sorted(observed.workloads.items()) if revision not in kept]


def _idle(workload: WorkloadObserved) -> bool:
    return workload.serving_pods == 0


def _delete(workload: WorkloadObserved) -> Delete:
    meta = workload.body["metadata"]
    return Delete(
        WORKLOAD, meta["namespace"], meta["name"], meta["uid"], meta["resourceVersion"], foreground=True
    )
