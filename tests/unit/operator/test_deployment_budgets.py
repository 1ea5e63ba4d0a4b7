"""Which revisions have a PodDisruptionBudget, and when it goes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_samples import observed, revision, side, workload, workloads

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.deployment.budgets import budgets_of, stale_budgets
from trimtab.model import names

ONE, TWO = side(1), side(2)


def budget(number: int) -> dict[str, Any]:
    """As the server has it."""
    (apply,) = budgets_of(observed(), [(side(number), 2)])
    meta = {**apply.body["metadata"], "uid": f"pdb-{number}", "resourceVersion": "4"}
    return {**apply.body, "metadata": meta}


def budgets(*numbers: int) -> dict[str, Any]:
    return {revision(number): budget(number) for number in numbers}


@pytest.mark.parametrize(
    ("sizes", "there", "expected", "why"),
    [
        ([(TWO, 2), (ONE, 4)], (), [2, 1], "both sides have several pods"),
        ([(TWO, 1), (ONE, 4)], (), [1], "a single pod may always be evicted"),
        ([(TWO, 0), (ONE, 1)], (), [], "none of both"),
        ([(None, 0), (ONE, 2)], (), [1], "no candidate"),
        ([(TWO, 2), (ONE, 1)], (1,), [2, 1], "what shrinks keeps it: one pod less is still allowed"),
    ],
)
def test_a_side_of_several_pods_has_a_budget(
    sizes: Any, there: tuple[int, ...], expected: list[int], why: str
) -> None:
    made = budgets_of(observed(budgets=budgets(*there)), sizes)
    assert [apply.body["metadata"]["name"] for apply in made] == [
        names.workload("churn", revision(number)) for number in expected
    ], why
    assert [apply.known is not None for apply in made] == [number in there for number in expected]


def test_it_selects_the_pods_of_one_revision_and_lets_one_go() -> None:
    (apply,) = budgets_of(observed(), [(ONE, 2)])
    pod_labels = samples.record(1).template["metadata"]["labels"]
    selector = apply.body["spec"]["selector"]["matchLabels"]
    assert selector.items() <= pod_labels.items()
    assert selector["trimtab.dev/revision"] == revision(1)
    assert apply.body["spec"]["maxUnavailable"] == 1
    assert apply.body["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@pytest.mark.parametrize(
    ("listed", "deleted", "why"),
    [
        ([workload(2, 2, ready=2)], [], "its pods still answer"),
        ([workload(2, 0, starting=1)], [], "one is on its way out"),
        ([workload(2, 0)], [2], "it goes with its workload"),
        ([], [2], "the workload went first: the operator died in between"),
    ],
)
def test_a_budget_goes_with_the_pods_of_a_revision_without_a_role(
    listed: Any, deleted: list[int], why: str
) -> None:
    seen = observed(workloads=workloads(workload(1, 2, ready=2), *listed), budgets=budgets(1, 2))
    gone = stale_budgets(seen, DeploymentStatus(stable=ONE))
    assert [delete.uid for delete in gone] == [f"pdb-{number}" for number in deleted], why
    assert not stale_budgets(seen, DeploymentStatus(stable=ONE, candidate=TWO)), "it has a role"
