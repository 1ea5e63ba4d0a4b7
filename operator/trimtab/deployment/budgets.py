"""The PodDisruptionBudget of each side: a drain of nodes takes its pods one by one.

Only sides of more than one pod get one: of a single pod it would either allow nothing, or say nothing. Pods
that are not ready may always be evicted, so a broken revision never holds up the drain of a node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.traffic.sides import beside
from trimtab.model import names
from trimtab.model.kinds import DEPLOYMENT, POD_DISRUPTION_BUDGET
from trimtab.model.plan import Apply, Delete, controller_reference

MAX_UNAVAILABLE = 1


def budgets_of(observed: DeploymentObserved, sizes: Iterable[tuple[Side | None, int]]) -> tuple[Apply, ...]:
    """One for each side with more than one pod; one that is there is kept while the side has its role."""
    return tuple(
        _budget(observed, side.revision)
        for side, size in sizes
        if side is not None and (size > 1 or side.revision in observed.budgets)
    )


def stale_budgets(observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
    """Those of revisions that have neither a role nor a pod."""
    waiting, _ = beside(observed, status)
    roles = {side.revision for side in (status.stable, status.candidate, waiting) if side is not None}
    return tuple(
        _delete(body)
        for revision, body in sorted(observed.budgets.items())
        if revision not in roles and not _has_pods(observed, revision)
    )


def _has_pods(observed: DeploymentObserved, revision: str) -> bool:
    workload = observed.workloads.get(revision)
    return workload is not None and (workload.replicas > 0 or bool(workload.pods))


def _budget(observed: DeploymentObserved, revision: str) -> Apply:
    body: dict[str, Any] = {
        "apiVersion": POD_DISRUPTION_BUDGET.api_version,
        "kind": POD_DISRUPTION_BUDGET.name,
        "metadata": {
            "name": names.workload(observed.name, revision),
            "namespace": observed.namespace,
            "labels": names.serving_labels(observed.name, observed.spec.model.name, revision),
            "ownerReferences": [controller_reference(observed.body, DEPLOYMENT)],
        },
        "spec": {
            "maxUnavailable": MAX_UNAVAILABLE,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": names.revision_selector(observed.name, revision)},
        },
    }
    return Apply(POD_DISRUPTION_BUDGET, body, observed.budgets.get(revision))


def _delete(body: Any) -> Delete:
    meta = body["metadata"]
    return Delete(
        POD_DISRUPTION_BUDGET, meta["namespace"], meta["name"], meta["uid"], meta["resourceVersion"]
    )
