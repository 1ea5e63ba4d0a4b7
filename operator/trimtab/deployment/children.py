"""Which children the roles in status call for, in an order that is safe to stop after any write.

1. no traffic to a side without ready endpoints;
2. traffic moves only when its target has the capacity for it;
3. a side shrinks only when it has no traffic, or keeps the pods for what it has.

Everything follows from the status and what is observed, so a pass that comes again after a crash plans the
same writes, less those that were done. What traffic is made of is the provider's business.
"""

from __future__ import annotations

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment import build
from trimtab.deployment.autoscaling import autoscalers_of, may_be_set, needless
from trimtab.deployment.budgets import budgets_of
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.revision import restored, stale_records
from trimtab.deployment.steps import Share
from trimtab.deployment.traffic.capacity import capacity, within
from trimtab.deployment.traffic.provider import Wanted
from trimtab.deployment.traffic.providers import provider_of
from trimtab.deployment.traffic.replica_ratio import Pair
from trimtab.deployment.traffic.sides import beside, ready, replicas_of, retired, serving
from trimtab.model.kinds import WORKLOAD
from trimtab.model.plan import ChildWrite, Delete, Scale, delete_of


def wanted(observed: DeploymentObserved, status: DeploymentStatus, share: Share) -> Wanted:
    """Pods and traffic for a share: what may move now, given what is ready now."""
    provider, replicas = provider_of(observed.spec), capacity(observed.spec, status)
    stable, candidate = status.stable, status.candidate
    if stable is None:
        return Wanted(Pair(0, replicas), provider.first(observed, candidate) if candidate else ())
    if status.abort is not None:
        return Wanted(Pair(replicas, 0), provider.back(observed, stable, 1))
    if candidate is None:
        whole = within(observed.spec, replicas_of(observed, stable))
        return Wanted(Pair(replicas, 0), provider.back(observed, stable, whole))
    return provider.split(observed, status, stable, candidate, share)


def children_of(
    observed: DeploymentObserved, status: DeploymentStatus, want: Wanted
) -> tuple[ChildWrite, ...]:
    """Sides grow, then traffic moves, then sides shrink that have no traffic to lose."""
    writes: list[ChildWrite] = []
    waiting = beside(observed, status)
    sizes = ((status.candidate, want.pair.candidate), (status.stable, want.pair.stable), waiting)
    for side, size in sizes:
        writes += _ensure(observed, side, size)
    writes += autoscalers_of(observed, status, want)
    writes += want.traffic
    shrinking = (
        (status.candidate, want.pair.candidate, status.stable, want.pair.stable),
        (status.stable, want.pair.stable, status.candidate, want.pair.candidate),
        (*waiting, None, 0),
    )
    for side, size, other, other_size in shrinking:
        if may_be_set(observed, side, want, status):
            writes += _shrink(observed, side, size, other, other_size)
    return (*writes, *budgets_of(observed, sizes))


def deletions_of(observed: DeploymentObserved, status: DeploymentStatus, want: Wanted) -> tuple[Delete, ...]:
    """Retired workloads without traffic, with their budgets, what their traffic was made of, and the records
    that nobody needs.

    Workloads are deleted in the foreground: an object that is still there says that pods of it are.
    """
    provider = provider_of(observed.spec)
    workloads = (
        delete_of(WORKLOAD, workload.body, foreground=True)
        for workload in retired(observed, status)
        if provider.may_shrink(observed, workload, 0, None, 0) and not workload.deleting
    )
    traffic = provider.leftovers(observed, status)
    return (*needless(observed, status, want), *workloads, *traffic, *stale_records(observed, status))


def _ensure(observed: DeploymentObserved, side: Side | None, size: int) -> list[ChildWrite]:
    """The side's workload, from its frozen record, with at least ``size`` pods."""
    workload = observed.workloads.get(side.revision) if side else None
    if side is None or (size == 0 and workload is None):
        return []
    if workload is not None and workload.deleting:
        return []  # made again when it is gone
    record = observed.records.get(side.revision)
    if record is None:
        made = restored(observed, side)
        return [made] if made else []
    writes: list[ChildWrite] = [build.workload(observed, record)]
    if workload is not None and workload.replicas < size:
        writes.append(Scale(WORKLOAD, workload.body, size))
    return writes


def _shrink(
    observed: DeploymentObserved, side: Side | None, size: int, other: Side | None, other_size: int
) -> list[ChildWrite]:
    """Fewer pods for a side, as far as its traffic allows it."""
    workload = observed.workloads.get(side.revision) if side else None
    if workload is None or workload.replicas <= size:
        return []
    may = provider_of(observed.spec).may_shrink(observed, workload, size, other, other_size)
    return [Scale(WORKLOAD, workload.body, size)] if may else []


__all__ = ["Wanted", "children_of", "deletions_of", "ready", "serving", "wanted"]
