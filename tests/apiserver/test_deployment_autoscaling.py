"""Pods that follow the load, with the real controller of HorizontalPodAutoscalers, which has no metrics here.

So it holds what it finds, within its bounds, and a test changes the number of pods in its place.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.harness import kstatus
from tests.harness.api import WORKLOAD, condition, wait_until
from tests.harness.deployments import FAST, HOLD, WEIGHT, Deployments, plant, revision
from tests.harness.gateway import TRAFFIC, PlayedGateway
from tests.harness.lab import Lab

from trimtab.model.kinds import AUTOSCALER

SCALED: dict[str, Any] = {
    "replicas": 1,
    "autoscaling": {"maxReplicas": 6},
    "resources": {"requests": {"cpu": "100m"}},
}
EDITS = {"spec.traffic": TRAFFIC, "spec.serving": SCALED}

pytestmark = pytest.mark.usefixtures("gateway_kinds")


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


def bounds(lab: Lab) -> dict[str, tuple[int, int]]:
    """minReplicas and maxReplicas, by the workload that they are about."""
    specs = [found["spec"] for found in lab.api.list(AUTOSCALER)]
    return {s["scaleTargetRef"]["name"]: (s["minReplicas"], s["maxReplicas"]) for s in specs}


def pods(lab: Lab, name: str) -> int:
    return int(lab.api.get(WORKLOAD, name)["spec"]["replicas"])


def scale(lab: Lab, name: str, size: int) -> None:
    """What an autoscaler does."""
    lab.api.patch(WORKLOAD, name, {"spec": {"replicas": size}}, "scale")


def test_each_side_has_an_autoscaler_and_its_share_of_the_load(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    old = f"flights-{revision(deployments.served(WEIGHT, HOLD, edits=EDITS))}"
    wait_until(lambda: bounds(lab) == {old: (1, 6)}, "the autoscaler of stable")
    scale(lab, old, 5)
    scaled = deployments.until(lambda d: d["status"].get("replicas") == 5)
    assert condition(scaled, "Ready")["status"] == "True"
    plant(lab.api, 2)
    held = deployments.reason("AwaitingPerson")
    new = f"flights-{revision(held, 'candidate')}"
    assert held["status"]["step"]["pods"] == 5
    assert gateway.weights() == {old: 50, new: 50}
    assert (pods(lab, old), pods(lab, new)) == (5, 3)
    assert bounds(lab) == {old: (5, 6), new: (3, 6)}
    lab.settle()
    deployments.act("promote", "p-1")
    done = deployments.ready("flights-v2")
    assert kstatus.broken_rules(done) == []
    lab.api.wait_gone(WORKLOAD, old)
    wait_until(lambda: bounds(lab) == {new: (1, 6)}, "the load alone to decide")
    assert pods(lab, new) == 5
    assert lab.player.serving.unanswered == 0


def test_an_abort_finds_all_pods_and_the_candidates_go(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    old = f"flights-{revision(deployments.served(WEIGHT, HOLD, edits=EDITS))}"
    scale(lab, old, 4)
    deployments.until(lambda d: d["status"].get("replicas") == 4)
    plant(lab.api, 2)
    new = f"flights-{revision(deployments.reason('AwaitingPerson'), 'candidate')}"
    lab.operators[0].kill()
    lab.successor(**FAST)
    lab.settle()
    deployments.act("abort", "a-1")
    deployments.reason("CandidateRejected")
    lab.api.wait_gone(WORKLOAD, new)
    wait_until(lambda: bounds(lab) == {old: (1, 6)}, "the bounds to be those of before")
    assert (pods(lab, old), gateway.weights()) == (4, {old: 100})
    assert lab.player.serving.unanswered == 0


def test_an_autoscaler_without_metrics_is_said(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    deployments.served(edits=EDITS)
    said = deployments.until(lambda d: "do not follow" in condition(d, "Ready").get("message", ""), 60)
    assert "FailedGetResourceMetric" in condition(said, "Ready")["message"]
    assert condition(said, "Ready")["status"] == "True"


def test_an_autoscaler_that_somebody_edits_or_deletes_is_put_back(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    name = f"flights-{revision(deployments.served(edits=EDITS))}"
    lab.settle()
    lab.api.patch(AUTOSCALER, name, {"spec": {"maxReplicas": 60}})
    wait_until(lambda: bounds(lab) == {name: (1, 6)}, "the bounds to be back")
    lab.api.delete(AUTOSCALER, name)
    wait_until(lambda: bounds(lab) == {name: (1, 6)}, "the autoscaler to be back")


def test_somebody_elses_autoscaler_is_refused_and_what_serves_goes_on(
    lab: Lab, deployments: Deployments
) -> None:
    stable = f"flights-{revision(deployments.served(WEIGHT, HOLD))}"
    theirs = {
        "apiVersion": AUTOSCALER.api_version,
        "kind": AUTOSCALER.name,
        "metadata": {"name": "theirs"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": stable},
            "minReplicas": 3,
            "maxReplicas": 5,
        },
    }
    lab.api.create(AUTOSCALER, theirs)
    plant(lab.api, 2)
    refused = deployments.reason("AutoscalerConflict")
    assert f"theirs sets the number of pods of {stable}" in condition(refused, "Ready")["message"]
    assert kstatus.verdict(refused) == "Failed"
    assert condition(refused, "Available")["status"] == "True"
    assert "candidate" not in refused["status"]
    lab.api.delete(AUTOSCALER, "theirs")
    assert deployments.reason("AwaitingPerson")["status"]["weight"]["applied"] == 50
