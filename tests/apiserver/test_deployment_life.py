"""What may happen to a rollout on a real API server besides promotion and abort."""

from __future__ import annotations

from typing import Any

import pytest
from tests.harness import kstatus
from tests.harness.api import MODEL_VERSION, condition, phase
from tests.harness.deployments import HOLD, WEIGHT, Deployments, plant, reasons, revision
from tests.harness.lab import Lab

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
