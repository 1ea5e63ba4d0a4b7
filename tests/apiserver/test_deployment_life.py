"""What may happen to a rollout on a real API server besides promotion and abort."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.harness import kstatus
from tests.harness.api import MODEL_VERSION, POD_DISRUPTION_BUDGET, WORKLOAD, condition, phase, wait_until
from tests.harness.deployments import HOLD, WEIGHT, Deployments, plant, reasons, revision
from tests.harness.lab import Lab
from tests.harness.plays import Run, Serve, Stuck
from typer.testing import CliRunner

from trimtab.cli.app import app

WIND = {"name": "wind", "datatype": "FP64"}


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


def takes(*more: dict[str, Any]) -> dict[str, Any]:
    """Edits of a version that has these inputs besides the one that all have."""
    temp = {"name": "temp", "datatype": "FP64", "nullable": True}
    return {"spec.signature.inputs": [temp, *more]}


def test_a_version_with_another_signature_is_no_candidate_until_the_spec_allows_it(
    lab: Lab, deployments: Deployments
) -> None:
    first = deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2, changes=takes(WIND))
    refused = deployments.reason("SignatureMismatch")
    assert phase(refused) == "Stalled"
    assert kstatus.verdict(refused) == "Failed"
    assert kstatus.broken_rules(refused) == []
    assert "input wind is new and not nullable" in condition(refused, "Ready")["message"]
    assert reasons(refused) == reasons(first), "no candidate was made"
    assert deployments.selected() == revision(first)
    deployments.patch(rollout={"signatureChange": "Allow"})
    assert deployments.at_step(1)["status"]["candidate"]["modelVersion"] == "flights-v2"


def test_a_new_input_that_may_be_left_out_is_rolled_out_and_one_that_vanishes_is_not(
    lab: Lab, deployments: Deployments
) -> None:
    deployments.served()
    plant(lab.api, 2, changes=takes({**WIND, "nullable": True}))
    deployments.ready("flights-v2")
    lab.api.delete(MODEL_VERSION, "flights-v2")
    plant(lab.api, 3)
    refused = deployments.reason("SignatureMismatch")
    assert "input wind is gone" in condition(refused, "Ready")["message"], "known from the frozen record"


def test_a_frozen_rollout_stays_where_it_is_until_it_is_thawed(lab: Lab, deployments: Deployments) -> None:
    deployments.served(WEIGHT, {"pause": {"for": "6s"}}, HOLD)
    deployments.patch(rollout={"freeze": True})
    plant(lab.api, 2)
    frozen = deployments.reason("Frozen")
    assert phase(frozen) == "Paused"
    assert kstatus.verdict(frozen) == "InProgress"
    assert kstatus.broken_rules(frozen) == []
    assert "candidate" not in frozen["status"]

    deployments.patch(rollout={"freeze": False})
    deployments.at_step(1)
    deployments.patch(rollout={"freeze": True})
    held = deployments.reason("Frozen")
    step = held["status"]["step"]["index"]
    lab.settle()
    assert deployments.get()["status"]["step"]["index"] == step
    deployments.act("promote", "p-1")
    refused = deployments.until(lambda d: d["status"].get("lastAction", {}).get("token") == "p-1")
    assert refused["status"]["lastAction"]["outcome"] == "StaleAction"
    deployments.act("abort", "a-1")
    deployments.reason("CandidateRejected")
    assert deployments.selected() == revision(held)
    assert lab.player.serving.unanswered == 0


def test_a_person_lifts_a_quarantine(
    control_plane: ControlPlane, lab: Lab, deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    retry = ["retry", "flights", "--namespace", lab.api.namespace]
    deployments.served(WEIGHT, HOLD)
    nothing = CliRunner().invoke(app, retry)
    assert nothing.exit_code == 1
    assert "no revision is in quarantine" in nothing.output
    plant(lab.api, 2)
    failed = revision(deployments.at_step(1), "candidate")
    deployments.act("abort", "a-1")
    deployments.reason("CandidateRejected")
    asked = CliRunner().invoke(app, retry)
    assert asked.exit_code == 0, asked.output
    again = deployments.at_step(1)
    assert revision(again, "candidate") == failed
    assert "quarantine" not in again["status"]
    assert again["status"]["lastAction"]["action"] == "retry"
    assert "QuarantineLifted" in reasons(again)


def test_each_side_of_several_pods_has_a_disruption_budget(lab: Lab, deployments: Deployments) -> None:
    def budgets() -> dict[str, int]:
        """Evictions that are allowed now, by name."""
        listed = lab.api.list(POD_DISRUPTION_BUDGET)
        return {b["metadata"]["name"]: b.get("status", {}).get("disruptionsAllowed", 0) for b in listed}

    steps = ({"weight": 33}, HOLD, WEIGHT, HOLD)
    stable = revision(deployments.served(*steps, edits={"spec.serving.replicas": 2}))
    wait_until(lambda: budgets() == {f"flights-{stable}": 1}, "one pod may go, not both")
    plant(lab.api, 2)
    first = deployments.at_step(1)
    assert list(budgets()) == [f"flights-{stable}"], "a side of one pod has none"
    deployments.act("promote", "p-1")
    deployments.at_step(3)
    candidate = revision(first, "candidate")
    both = {f"flights-{stable}": 1, f"flights-{candidate}": 1}
    wait_until(lambda: budgets() == both, "a budget of each side")
    lab.api.delete(POD_DISRUPTION_BUDGET, f"flights-{candidate}")
    wait_until(lambda: budgets() == both, "it to be put back")
    deployments.act("promote", "p-2")
    deployments.ready("flights-v2")
    lab.api.wait_gone(WORKLOAD, f"flights-{stable}")
    lab.api.wait_gone(POD_DISRUPTION_BUDGET, f"flights-{stable}")
    (left,) = lab.api.list(POD_DISRUPTION_BUDGET)
    assert left["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert lab.player.serving.unanswered == 0


def test_a_person_goes_back_to_what_served_before(
    control_plane: ControlPlane, lab: Lab, deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    rollback = ["rollback", "flights", "--namespace", lab.api.namespace]
    first = revision(deployments.served(edits={"spec.serving.replicas": 2}))
    nothing = CliRunner().invoke(app, rollback)
    assert nothing.exit_code == 1
    assert "no earlier revision" in nothing.output
    plant(lab.api, 2)
    second = deployments.ready("flights-v2")
    assert second["status"]["lastGood"]["revision"] == first
    lab.api.wait_gone(WORKLOAD, f"flights-{first}")
    lab.api.delete(MODEL_VERSION, "flights-v1")

    lab.player.serving.play(Run("server"), first)
    asked = CliRunner().invoke(app, rollback)
    assert asked.exit_code == 0, asked.output
    going = deployments.reason("RollingBack")
    assert kstatus.verdict(going) == "InProgress"
    assert kstatus.broken_rules(going) == []
    assert going["status"]["rollback"]["to"] == first
    wait_until(lambda: deployments.workload(first), "its workload to be made from the record")
    assert deployments.selected() == revision(second), "no traffic before its pods are ready"
    lab.player.serving.play(Serve(), first)
    # The version that it serves was deleted: there is nothing else to follow than what is in quarantine.
    back = deployments.until(lambda d: revision(d) == first and phase(d) == "Aborted")
    (entry,) = back["status"]["quarantine"]
    assert (entry["modelVersion"], entry["reason"]) == ("flights-v2", "RolledBackByPerson")
    assert deployments.selected() == first
    lab.api.wait_gone(WORKLOAD, f"flights-{revision(second)}")
    wait_until(lambda: deployments.records() == [f"flights-{first}"], "the record of what failed to go")
    assert lab.player.serving.unanswered == 0


def test_a_rollback_that_finds_no_room_is_blocked_and_a_fix_overtakes_it(
    lab: Lab, deployments: Deployments
) -> None:
    edits = {"spec.rollout.progressDeadline": "2s", "spec.model": {"name": "flights", "version": 1}}
    first = revision(deployments.served(edits=edits))
    plant(lab.api, 2)
    deployments.patch(model={"version": 2})
    second = revision(deployments.ready("flights-v2"))
    lab.api.wait_gone(WORKLOAD, f"flights-{first}")
    lab.player.serving.play(Stuck("server", "ImagePullBackOff"), first)
    deployments.act("rollback", "r-1", revision=second, to=first)
    blocked = deployments.reason("RollbackBlocked")
    assert kstatus.verdict(blocked) == "Failed"
    assert "ImagePullBackOff" in condition(blocked, "Ready")["message"]
    assert deployments.selected() == second
    plant(lab.api, 3)
    deployments.patch(model={"version": 3})
    fixed = deployments.ready("flights-v3")
    assert "rollback" not in fixed["status"]
    assert lab.player.serving.unanswered == 0
