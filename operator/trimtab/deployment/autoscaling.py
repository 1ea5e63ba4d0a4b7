"""Pods that follow the load: a HorizontalPodAutoscaler for each side that has traffic.

The autoscaler owns the number of pods of its workload: Trimtab raises it when a step needs more, and lowers
it only when the autoscaler is gone, because the side has no traffic or autoscaling is no longer asked for.
The fewest pods of a side are raised before its weight is, and lowered when roles have swapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.deployment.reasons import Reason
from trimtab.deployment.traffic.capacity import capacity, ceiling, within
from trimtab.deployment.traffic.gateway_pods import pods_for
from trimtab.deployment.traffic.provider import Problem, Wanted
from trimtab.deployment.traffic.sides import replicas_of
from trimtab.model import names
from trimtab.model.kinds import AUTOSCALER, WORKLOAD
from trimtab.model.plan import Apply, Delete, controller_reference, controller_uid, delete_of


def latched(observed: DeploymentObserved, candidate: Side, weight: int) -> int | None:
    """`status.step.pods` of the step that begins; ``weight``: of the one that ends. None: no autoscaling.

    As many as before, or more where the autoscaler of a side has gone beyond the fewest that it was given: n
    pods for a share of s percent are 100 n / s for all of it.
    """
    spec, status, stable = observed.spec, observed.status, observed.status.stable
    if spec.serving.autoscaling is None or stable is None:
        return None
    if status.step is None or status.step.pods is None:
        return within(spec, replicas_of(observed, stable))
    before = capacity(spec, status)
    shares = ((stable, 100 - weight, before), (candidate, weight, pods_for(before, weight)))
    grown = [
        -(-100 * replicas_of(observed, side) // share)
        for side, share, fewest in shares
        if share > 0 and replicas_of(observed, side) > fewest
    ]
    return within(spec, max([before, *grown]))


def autoscalers_of(observed: DeploymentObserved, status: DeploymentStatus, want: Wanted) -> tuple[Apply, ...]:
    """One for each side that has traffic, or is about to."""
    return tuple(
        _autoscaler(observed, workload, fewest)
        for side, fewest in _scaled(observed, status, want)
        if (workload := observed.workloads.get(side.revision)) is not None and not workload.deleting
        if _is_free(observed, workload)
    )


def needless(observed: DeploymentObserved, status: DeploymentStatus, want: Wanted) -> tuple[Delete, ...]:
    """Those of sides whose number of pods is ours again. That of a workload which goes, goes with it."""
    scaled = {side.revision for side, _ in _scaled(observed, status, want)}
    return tuple(
        delete_of(AUTOSCALER, body)
        for revision, body in sorted(observed.autoscalers.items())
        if revision not in scaled and (workload := observed.workloads.get(revision)) is not None
        if not workload.deleting and "deletionTimestamp" not in body["metadata"]
    )


def may_be_set(
    observed: DeploymentObserved, side: Side | None, want: Wanted, status: DeploymentStatus
) -> bool:
    """Whether the number of a side's pods is ours to lower: it has no autoscaler, and is to have none."""
    scaled = {one.revision for one, _ in _scaled(observed, status, want)}
    return side is None or side.revision not in scaled | observed.autoscalers.keys()


def trouble(observed: DeploymentObserved) -> str:
    """Why pods of stable do not follow the load, as the autoscaler says it; empty if they do."""
    stable = observed.status.stable
    body = observed.autoscalers.get(stable.revision) if stable else None
    for condition in (body or {}).get("status", {}).get("conditions", ()):
        if condition["status"] == "False" and condition["type"] in ("AbleToScale", "ScalingActive"):
            return f"pods do not follow the load: {condition.get('reason', condition['type'])}"
    return ""


def obstacle(observed: DeploymentObserved) -> Problem | None:
    """Somebody else's autoscaler sets the pods of a workload of ours: nothing new begins beside it."""
    if not observed.rival_autoscaler or observed.status.step or observed.status.rollback:
        return None
    text = (
        f"{AUTOSCALER} {observed.rival_autoscaler}, which is Trimtab's to set: remove it, and use "
        "serving.autoscaling to let pods follow the load"
    )
    return Problem(Reason.AUTOSCALER_CONFLICT, text)


def _scaled(
    observed: DeploymentObserved, status: DeploymentStatus, want: Wanted
) -> tuple[tuple[Side, int], ...]:
    """The sides with autoscalers, each with the fewest pods that it may have."""
    if observed.spec.serving.autoscaling is None:
        return ()
    sides = ((status.stable, want.pair.stable), (status.candidate, want.pair.candidate))
    return tuple((side, fewest) for side, fewest in sides if side is not None and fewest > 0)


def _is_free(observed: DeploymentObserved, workload: WorkloadObserved) -> bool:
    """Not while that of a workload which was deleted is still there: it is made when that has gone."""
    known = observed.autoscalers.get(workload.revision)
    return known is None or controller_uid(known) == workload.body["metadata"]["uid"]


def _autoscaler(observed: DeploymentObserved, workload: WorkloadObserved, fewest: int) -> Apply:
    """Scaling down waits as long as Kubernetes' default says: 5 minutes."""
    autoscaling = observed.spec.serving.autoscaling
    if autoscaling is None:
        raise AssertionError("a side is scaled only where autoscaling is asked for")
    revision, name = workload.revision, workload.body["metadata"]["name"]
    target: Mapping[str, Any] = {"type": "Utilization", "averageUtilization": autoscaling.cpu_utilization}
    body: dict[str, Any] = {
        "apiVersion": AUTOSCALER.api_version,
        "kind": AUTOSCALER.name,
        "metadata": {
            "name": name,
            "namespace": observed.namespace,
            "labels": names.serving_labels(observed.name, observed.spec.model.name, revision),
            "ownerReferences": [controller_reference(workload.body, WORKLOAD)],
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": WORKLOAD.api_version, "kind": WORKLOAD.name, "name": name},
            "minReplicas": fewest,
            "maxReplicas": max(fewest, ceiling(observed.spec)),
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }
    return Apply(AUTOSCALER, body, observed.autoscalers.get(revision))
