"""The PodDisruptionBudget of each side: a drain of nodes takes its pods one by one.

Only sides of more than one pod get one: of a single pod it would either allow nothing, or say nothing. Pods
that are not ready may always be evicted, so a broken revision never holds up the drain of a node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.model import names
from trimtab.model.kinds import POD_DISRUPTION_BUDGET, WORKLOAD
from trimtab.model.plan import Apply, controller_reference, controller_uid

MAX_UNAVAILABLE = 1


def budgets_of(observed: DeploymentObserved, sizes: Iterable[tuple[Side | None, int]]) -> tuple[Apply, ...]:
    """One for each side with more than one pod; one that is there is kept while the side has its role.

    Its workload owns it, so it goes with the pods and takes no write of its own.
    """
    return tuple(
        _budget(observed, workload)
        for side, size in sizes
        if side is not None and (size > 1 or side.revision in observed.budgets)
        if (workload := observed.workloads.get(side.revision)) is not None and not workload.deleting
        if _is_free(observed, workload)
    )


def _is_free(observed: DeploymentObserved, workload: WorkloadObserved) -> bool:
    """Not while the budget of a workload that was deleted is still there: it is made when that has gone."""
    known = observed.budgets.get(workload.revision)
    return known is None or controller_uid(known) == workload.body["metadata"]["uid"]


def _budget(observed: DeploymentObserved, workload: WorkloadObserved) -> Apply:
    revision = workload.revision
    body: dict[str, Any] = {
        "apiVersion": POD_DISRUPTION_BUDGET.api_version,
        "kind": POD_DISRUPTION_BUDGET.name,
        "metadata": {
            "name": names.workload(observed.name, revision),
            "namespace": observed.namespace,
            "labels": names.serving_labels(observed.name, observed.spec.model.name, revision),
            "ownerReferences": [controller_reference(workload.body, WORKLOAD)],
        },
        "spec": {
            "maxUnavailable": MAX_UNAVAILABLE,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": names.revision_selector(observed.name, revision)},
        },
    }
    return Apply(POD_DISRUPTION_BUDGET, body, observed.budgets.get(revision))
