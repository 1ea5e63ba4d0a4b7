"""Which revisions have a PodDisruptionBudget, and when it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_samples import observed, revision, side, workload, workloads

from trimtab.deployment.budgets import budgets_of
from trimtab.model import names

ONE, TWO = side(1), side(2)
BOTH = observed(workloads=workloads(workload(1, 2, ready=2), workload(2, 2, ready=2)))


def budget(number: int) -> dict[str, Any]:
    """As the server has it."""
    (apply,) = budgets_of(BOTH, [(side(number), 2)])
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
    made = budgets_of(replace(BOTH, budgets=budgets(*there)), sizes)
    assert [apply.body["metadata"]["name"] for apply in made] == [
        names.workload("churn", revision(number)) for number in expected
    ], why
    assert [apply.known is not None for apply in made] == [number in there for number in expected]


def test_it_selects_the_pods_of_one_revision_and_lets_one_go() -> None:
    (apply,) = budgets_of(BOTH, [(ONE, 2)])
    pod_labels = samples.record(1).template["metadata"]["labels"]
    selector = apply.body["spec"]["selector"]["matchLabels"]
    assert selector.items() <= pod_labels.items()
    assert selector["trimtab.dev/revision"] == revision(1)
    assert apply.body["spec"]["maxUnavailable"] == 1
    assert apply.body["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_workload_that_is_not_there_or_about_to_go_gets_none() -> None:
    assert not budgets_of(observed(), [(ONE, 2)]), "it is made in the pass that sees the workload"
    going = workloads(workload(1, 2, ready=2, deleting=True))
    assert not budgets_of(observed(workloads=going), [(ONE, 2)])


def test_it_goes_with_its_workload() -> None:
    (apply,) = budgets_of(BOTH, [(ONE, 2)])
    (owner,) = apply.body["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["controller"]) == ("Deployment", True)
    assert owner["uid"] == BOTH.workloads[revision(1)].body["metadata"]["uid"]


def test_the_budget_of_a_workload_that_was_deleted_is_waited_for() -> None:
    made_again = {**BOTH.workloads[revision(1)].body}
    made_again["metadata"] = {**made_again["metadata"], "uid": "another"}
    seen = replace(BOTH, budgets=budgets(1))
    seen = replace(
        seen,
        workloads={**BOTH.workloads, revision(1): replace(BOTH.workloads[revision(1)], body=made_again)},
    )
    assert not budgets_of(seen, [(ONE, 2)])
