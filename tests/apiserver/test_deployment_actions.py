"""What people ask of a rollout: `trimtab promote` and `trimtab abort`, in time and too late."""

from __future__ import annotations

import json

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.harness import kstatus
from tests.harness.api import DEPLOYMENT, condition, phase
from tests.harness.deployments import HOLD, WEIGHT, Deployments, plant, reasons, revision
from tests.harness.lab import Lab
from typer.testing import CliRunner

from trimtab.cli.app import app


@pytest.fixture
def waiting(lab: Lab) -> Deployments:
    """A candidate in `pause: {}`, at step 1."""
    deployments = Deployments(lab)
    deployments.served(WEIGHT, HOLD, {"weight": 67}, HOLD, edits={"spec.serving.replicas": 2})
    plant(lab.api, 2)
    deployments.reason("AwaitingPerson")
    return deployments


def test_it_waits_for_a_person_and_goes_on(waiting: Deployments) -> None:
    paused = waiting.get()
    assert phase(paused) == "Paused"
    assert kstatus.verdict(paused) == "InProgress"
    assert kstatus.broken_rules(paused) == []
    waiting.act("promote", "p-1")
    second = waiting.at_step(3)
    assert second["status"]["lastAction"]["outcome"] == "Done"
    assert second["status"]["lastAction"]["by"] == "unverified: ann"
    assert "PromotedByPerson" in reasons(second)
    waiting.act("promote", "p-2")
    waiting.ready("flights-v2")


def test_a_token_is_carried_out_once(waiting: Deployments) -> None:
    waiting.act("promote", "p-1")
    waiting.at_step(3)
    waiting.act("promote", "p-1")
    waiting.act("promote", "p-1", step=3)
    paused = waiting.reason("AwaitingPerson")
    assert paused["status"]["step"]["index"] == 3
    assert reasons(paused).count("PromotedByPerson") == 1


def test_an_action_for_another_step_is_stale(waiting: Deployments) -> None:
    waiting.act("promote", "late", step=0)
    refused = waiting.until(lambda d: d["status"].get("lastAction", {}).get("token") == "late")
    assert refused["status"]["lastAction"]["outcome"] == "StaleAction"
    assert refused["status"]["step"]["index"] == 1
    assert reasons(refused)[-1] == "StaleAction"


def test_an_abort_of_another_revision_is_stale(waiting: Deployments) -> None:
    stable = revision(waiting.get())
    waiting.act("abort", "wrong", revision=stable)
    refused = waiting.until(lambda d: d["status"].get("lastAction", {}).get("token") == "wrong")
    assert refused["status"]["lastAction"]["outcome"] == "StaleAction"
    assert "quarantine" not in refused["status"]


def test_an_abort_gives_the_candidate_up(waiting: Deployments) -> None:
    waiting.act("abort", "a-1")
    rejected = waiting.reason("CandidateRejected")
    (entry,) = rejected["status"]["quarantine"]
    assert entry["reason"] == "AbortedByPerson"
    assert rejected["status"]["lastAction"]["outcome"] == "Done"
    assert waiting.selected() == revision(rejected)


def test_an_annotation_that_is_no_action_does_nothing(waiting: Deployments) -> None:
    for text in ("promote", "[]", '{"action":"delete","token":"x"}'):
        waiting.api.patch(DEPLOYMENT, "flights", {"metadata": {"annotations": {"trimtab.dev/action": text}}})
    waiting.act("promote", "p-1")
    after = waiting.at_step(3)
    assert reasons(after).count("StaleAction") == 0


def test_the_commands_write_what_is_read(
    control_plane: ControlPlane, lab: Lab, waiting: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))

    def trimtab(command: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [command, "flights", "--namespace", lab.api.namespace])
        return result.exit_code, result.output

    code, said = trimtab("promote")
    assert code == 0, said
    assert "step 1" in said
    moved = waiting.at_step(3)
    assert moved["status"]["lastAction"]["by"] == "unverified: kubernetes-admin"
    assert trimtab("abort")[0] == 0
    rejected = waiting.reason("CandidateRejected")
    assert condition(rejected, "Ready")["status"] == "True"
    code, said = trimtab("promote")
    assert code == 1
    assert "no candidate" in said
    annotation = json.loads(waiting.get()["metadata"]["annotations"]["trimtab.dev/action"])
    assert annotation["action"] == "abort", "nothing was written in vain"
