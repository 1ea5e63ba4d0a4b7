"""What people ask of a rollout: `trimtab promote` and `trimtab abort`, in time and too late."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.harness import access, kstatus
from tests.harness.api import DEPLOYMENT, condition, phase
from tests.harness.background import Background
from tests.harness.deployments import HOLD, WEIGHT, Deployments, plant, reasons, revision
from tests.harness.lab import Lab
from tests.harness.proxy import Answer, Fault, Proxy, Request
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
    assert second["status"]["lastAction"]["by"] == "unverified: kubernetes-admin"
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


class Meanwhile(Fault):
    """Something else is written right before the command's own write arrives, `times` times."""

    def __init__(self, write: Callable[[], object], times: int = 1) -> None:
        self._write = write
        self._left = times

    async def before(self, request: Request) -> Answer | None:
        if request.verb == "PATCH" and b"trimtab.dev/action" in request.body and self._left:
            self._left -= 1
            await asyncio.to_thread(self._write)
        return None


@pytest.fixture
def beside(
    control_plane: ControlPlane,
    background: Background,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Proxy]:
    """A proxy that the commands of a person go through."""
    with Proxy(access.of_kubeconfig(control_plane.kubeconfig), background) as proxy:
        kubeconfig = proxy.write_kubeconfig(tmp_path / "person", namespace)
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        yield proxy


def test_a_command_is_not_lost_to_what_is_written_meanwhile(waiting: Deployments, beside: Proxy) -> None:
    touched = itertools.count()

    def touch() -> None:
        waiting.api.patch(DEPLOYMENT, "flights", {"metadata": {"labels": {"n": str(next(touched))}}})

    beside.fault = Meanwhile(touch, times=3)
    result = CliRunner().invoke(app, ["abort", "flights"])
    assert result.exit_code == 0, result.output
    waiting.reason("CandidateRejected")
    assert next(touched) == 3


def test_a_command_does_not_follow_a_rollout_that_moves_on(waiting: Deployments, beside: Proxy) -> None:
    def another_was_faster() -> None:
        waiting.act("promote", "p-1")
        waiting.at_step(3)

    beside.fault = Meanwhile(another_was_faster)
    result = CliRunner().invoke(app, ["promote", "flights"])
    assert result.exit_code == 1
    assert "step 1 to" in result.output and "ask again" in result.output
    assert waiting.get()["status"]["step"]["index"] == 3


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
