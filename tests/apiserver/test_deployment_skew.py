"""trainServeSkew on a real API server: profiles from a real registry, rows counted by real counters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from tests.harness import profiled
from tests.harness.api import CONFIG_MAP
from tests.harness.deployments import FAST, HOLD, WEIGHT, Deployments, plant, reasons
from tests.harness.lab import Lab
from tests.harness.profiled import FAHRENHEIT, FahrenheitClients, celsius

Object = dict[str, Any]
SKEW = {"name": "skew", "preset": "trainServeSkew", "floor": "0.2"}
SHIFT = {"name": "shift", "preset": "predictionShift", "floor": "0.2"}
NEVER = {"name": "errors", "preset": "errorRate", "maxAbsolute": "0.00001"}
"""Waits for half a million connections."""
EDITS = {"spec.rollout.analysis": {"metrics": [SKEW, SHIFT]}}
LOOK = {"analyze": {"minSamples": 200, "maxDuration": "60s"}}


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    """Version 1 has seen Fahrenheit, which is what clients send, and serves."""
    lab.player.serving.rate = 400.0
    lab.player.serving.clients = FahrenheitClients()
    deployments = Deployments(lab)
    _register(lab, 1, FAHRENHEIT)
    deployments.create(WEIGHT, LOOK, HOLD, edits=EDITS)
    lab.run_operator(**FAST)
    deployments.ready("flights-v1")
    return deployments


def _register(lab: Lab, number: int, temps: Sequence[float]) -> None:
    digest, profile = profiled.push(lab.registry, "flights/models", temps, f"version {number}")
    plant(lab.api, number, digest=digest, profile=profile)


def _metric(deployment: Object, name: str) -> Object:
    found = [m for m in deployment["status"].get("analysis", ()) if m["metric"] == name]
    return found[0] if found else {}


def test_a_candidate_that_was_trained_in_other_units_is_given_up(lab: Lab, deployments: Deployments) -> None:
    """No request fails, and stable is clean: it is the candidate that does not know what clients send."""
    _register(lab, 2, celsius(FAHRENHEIT))
    rejected = deployments.reason("CandidateRejected")
    (entry,) = rejected["status"]["quarantine"]
    assert entry["reason"] == "AnalysisFailed"
    assert entry["message"].startswith("skew: temp psiAdjusted")
    assert "score" not in entry["message"]
    assert _metric(rejected, "skew")["samples"] >= 200, "one look, when the rows are there"
    assert _metric(rejected, "shift")["verdict"] != "Fail"


def test_a_look_that_was_taken_stands_also_after_a_restart(lab: Lab, deployments: Deployments) -> None:
    """Its error probability is spent: a new process repeats it with its numbers, and looks at no row more."""
    deployments.patch(rollout={"analysis": {"metrics": [SKEW, SHIFT, NEVER]}})
    _register(lab, 2, FAHRENHEIT)
    looked = deployments.until(lambda d: _metric(d, "skew").get("verdict") == "Pass")
    before = _metric(looked, "skew")
    stored = lab.api.wait(CONFIG_MAP, "flights-deployment-evidence", lambda c: int(c["data"]["looks"]) >= 1)
    assert "skew" in stored["data"]["evidence"]
    lab.operators[0].kill()
    lab.successor(**FAST)
    deployments.act("promote", "late", step=0)
    after = deployments.until(lambda d: reasons(d)[-1] == "StaleAction")
    assert after["status"]["step"]["index"] == 1
    deployments.act("promote", "p-1")
    deployments.reason("AwaitingPerson")
    statuses = [
        json.loads(write.body) for write in lab.proxy.writes if write.name == "deployments/flights/status"
    ]
    entering = next(s for s in statuses if s["status"].get("step", {}).get("index") == 2)
    repeated = _metric(entering, "skew")
    assert (repeated["verdict"], repeated["samples"]) == ("Pass", before["samples"])
