"""A promoted revision on probation, on a real API server: judged by what its pods count."""

from __future__ import annotations

from typing import Any

import pytest
from tests.harness import kstatus
from tests.harness.api import WORKLOAD, condition, phase, wait_until
from tests.harness.deployments import ANALYZE, FAST, WEIGHT, Deployments, plant, reasons, revision
from tests.harness.lab import Lab

REPLICAS = {"spec.serving.replicas": 2}


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


def promoted(lab: Lab, deployments: Deployments, **probation: Any) -> tuple[str, dict[str, Any]]:
    """The revision before, and the Deployment as soon as version 2 is whole and on probation."""
    edits = REPLICAS | {"spec.rollout.probation": probation}
    before = revision(deployments.served(WEIGHT, ANALYZE, edits=edits))
    plant(lab.api, 2)
    return before, deployments.ready("flights-v2")


def test_its_time_passes_and_the_pods_that_were_kept_go(lab: Lab, deployments: Deployments) -> None:
    before, there = promoted(lab, deployments, **{"for": "1h", "keepWarm": 1})
    (limit,) = there["status"]["probation"]["limits"]
    assert (limit["metric"], float(limit["share"]) >= 0.05) == ("errors", True)
    assert "on probation" in condition(there, "Ready")["message"]
    assert kstatus.verdict(there) == "Current"
    lab.api.wait(WORKLOAD, f"flights-{before}", lambda w: w["spec"]["replicas"] == 1)
    assert deployments.selected() == revision(there)
    deployments.patch(rollout={"probation": {"for": "1s"}})
    over = deployments.until(lambda d: "ProbationPassed" in reasons(d))
    assert "probation" not in over["status"]
    lab.api.wait_gone(WORKLOAD, f"flights-{before}")
    assert over["status"]["lastGood"]["revision"] == before
    lab.settle()
    assert lab.player.serving.unanswered == 0


def test_errors_after_the_promotion_lead_back(lab: Lab, deployments: Deployments) -> None:
    before, there = promoted(lab, deployments, **{"for": "1h", "keepWarm": 1})
    bad = revision(there)
    # The pods of the bad revision answer that they fail; the wait is for the operator alone.
    lab.player.serving.fail_requests(bad)
    back = deployments.until(lambda d: revision(d) == before and phase(d) == "Ready")
    (entry,) = back["status"]["quarantine"]
    assert (entry["revision"], entry["reason"]) == (bad, "ProbationFailed")
    assert entry["message"].startswith("errors: ")
    assert condition(back, "Ready")["reason"] == "CandidateRejected"
    assert "probation" not in back["status"]
    lab.api.wait_gone(WORKLOAD, f"flights-{bad}")
    wait_until(lambda: deployments.selected() == before, "the Service to have followed")


def test_a_new_process_goes_on_with_it_and_a_crash_loop_leads_back(
    lab: Lab, deployments: Deployments
) -> None:
    before, there = promoted(lab, deployments, **{"for": "1h", "keepWarm": 0})
    bad = revision(there)
    lab.api.wait(WORKLOAD, f"flights-{before}", lambda w: w["spec"]["replicas"] == 0)
    lab.operators[0].kill()
    lab.successor(**FAST)
    lab.player.serving.restart(bad, times=3)
    back = deployments.until(lambda d: revision(d) == before and phase(d) == "Ready")
    (entry,) = back["status"]["quarantine"]
    assert (entry["reason"], "restarted 3 times" in entry["message"]) == ("ProbationFailed", True)
    assert lab.player.serving.unanswered == 0


def test_the_pods_of_the_revision_before_stay_for_a_while(lab: Lab, deployments: Deployments) -> None:
    edits = REPLICAS | {"spec.rollout.scaleDownDelay": "1h"}
    before = revision(deployments.served(WEIGHT, ANALYZE, edits=edits))
    plant(lab.api, 2)
    there = deployments.ready("flights-v2")
    assert "scaleDownAt" in there["status"]
    workload = deployments.workload(before)
    assert workload is not None
    assert workload["spec"]["replicas"] == 2
    assert deployments.selected() == revision(there)
    lab.settle()
    deployments.patch(rollout={"scaleDownDelay": None})
    lab.api.wait_gone(WORKLOAD, f"flights-{before}")
    assert "scaleDownAt" not in deployments.get()["status"]
    assert lab.player.serving.unanswered == 0
