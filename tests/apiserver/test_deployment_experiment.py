"""An A/B test on a real API server: labels from the counters of the real server, on pages of both sides."""

from __future__ import annotations

import pytest
from tests.harness import kstatus, profiled
from tests.harness.api import condition
from tests.harness.deployments import FAST, WEIGHT, Deployments, plant, reasons
from tests.harness.lab import Lab
from tests.harness.population import Row
from tests.harness.profiled import FAHRENHEIT, FahrenheitClients

COMPARED = {"experiment": {"for": "6s", "labelRate": {"better": "Higher"}}}


class BuyingClients(FahrenheitClients):
    """Half of them send back a 1, the others a 0."""

    def draw(self) -> Row:
        row = super().draw()
        return Row(row.columns, row.score, self.random.choice(("0", "1")))


def _register(lab: Lab, number: int) -> None:
    digest, profile = profiled.push(lab.registry, "flights/models", FAHRENHEIT, f"version {number}")
    plant(lab.api, number, digest=digest, profile=profile)


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 400.0
    lab.player.serving.clients = BuyingClients()
    deployments = Deployments(lab)
    _register(lab, 1)
    deployments.create(WEIGHT, COMPARED)
    lab.run_operator(**FAST)
    deployments.ready("flights-v1")
    return deployments


def test_an_experiment_ends_with_a_result_and_a_person_decides(lab: Lab, deployments: Deployments) -> None:
    _register(lab, 2)
    running = deployments.reason("Experimenting")
    assert kstatus.verdict(running) == "InProgress"
    assert "experiment" not in running["status"]
    lab.operators[0].kill()
    lab.successor(**FAST)
    over = deployments.reason("AwaitingPerson")
    found = over["status"]["experiment"]
    assert found["verdict"] != "NoData"
    for arm in ("stable", "candidate"):
        assert found[arm]["labels"] > 100
        assert 0.3 < float(found[arm]["share"]) < 0.7
    assert float(found["low"]) < float(found["difference"]) < float(found["high"])
    assert "ExperimentEnded" in reasons(over)
    assert found["verdict"] in condition(over, "Ready")["message"]
    lab.settle()
    deployments.act("promote", "p-1")
    done = deployments.ready("flights-v2")
    assert "experiment" not in done["status"]
    assert lab.player.serving.unanswered == 0


def test_without_labels_there_is_no_result(lab: Lab, deployments: Deployments) -> None:
    lab.player.serving.clients = FahrenheitClients()
    _register(lab, 2)
    over = deployments.reason("AwaitingPerson")
    assert over["status"]["experiment"]["verdict"] == "NoData"
