"""kill -9 before and after each write of a retraining: there is exactly one, whoever finishes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.harness.api import CONFIG_MAP, wait_until
from tests.harness.lab import Lab
from tests.harness.monitors import ROUNDS, Monitors
from tests.harness.plays import Run, Succeed
from tests.harness.population import SUMMER_MISJUDGED
from tests.harness.proxy import Fault, Kill, Request, Side

At = Callable[[Request], bool]


def decision_is(state: str) -> At:
    """The write of the monitor's status that says so of a retraining."""

    def holds(request: Request) -> bool:
        if request.name != "driftmonitors/flights/status":
            return False
        decision = _body(request)["status"].get("decision", {})
        return (decision.get("action"), decision.get("state")) == ("Retrain", state)

    return holds


def entry(request: Request) -> bool:
    return request.resource == "configmaps" and "retrains" in _body(request).get("data", {})


def experiment(request: Request) -> bool:
    return request.verb == "POST" and request.resource == "experiments"


def _body(request: Request) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request.body)
    return body


WRITES: dict[str, At] = {
    "status: Approved": decision_is("Approved"),
    "entry in the ledger": entry,
    "POST of the Experiment": experiment,
    "status: Executed": decision_is("Executed"),
}


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_a_crash_at_any_write_of_a_retraining(lab: Lab, write: str, side: Side) -> None:
    monitors = Monitors(lab)
    lab.player.script = lambda pod: Run() if pod.job.startswith("flights-r-") else Succeed()
    monitors.served()
    monitors.watch()
    monitors.phase("Healthy")
    kill = Kill(WRITES[write], side, lab.operators[-1].kill)
    lab.proxy.fault = kill
    monitors.publish_data("summer")
    monitors.population.now = SUMMER_MISJUDGED
    wait_until(lambda: kill.struck is not None, write, 60)
    lab.proxy.fault = Fault()
    lab.successor(**ROUNDS)
    monitor = monitors.decided("Retrain", "Executed")
    (made,) = monitors.retrains()
    assert monitor["status"]["decision"]["target"]["name"] == made["metadata"]["name"]
    record = monitors.api.get(CONFIG_MAP, "trimtab-model-flights")
    assert [kept["name"] for kept in json.loads(record["data"]["retrains"])] == [made["metadata"]["name"]]
    window = monitor["status"]["window"]["end"]
    later = monitors.until(lambda m: m["status"]["window"]["end"] > window)
    assert later["status"]["decision"]["id"] == monitor["status"]["decision"]["id"]
    assert len(monitors.retrains()) == 1
