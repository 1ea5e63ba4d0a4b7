"""From drift to a retrained version on a real API server, and everything that may keep it from happening."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.apiserver import samples
from tests.cluster.control_plane import ControlPlane
from tests.harness import deployments
from tests.harness.api import (
    CONFIG_MAP,
    DEPLOYMENT,
    DRIFT_MONITOR,
    EXPERIMENT,
    MODEL_VERSION,
    condition,
    phase,
    wait_until,
)
from tests.harness.lab import SPLITS, Lab
from tests.harness.monitors import NAME, Monitors
from tests.harness.plays import Fail, Run, Succeed
from tests.harness.population import SUMMER, SUMMER_MISJUDGED, WARM, Population, World
from typer.testing import CliRunner

from trimtab.cli.app import app
from trimtab.model.clock import format_time, parse_time

Object = dict[str, Any]
RECORD = "trimtab-model-flights"


@pytest.fixture
def monitors(lab: Lab) -> Monitors:
    return Monitors(lab)


def worse(monitors: Monitors, edits: dict[str, Any] | None = None, **served: Any) -> dict[str, str]:
    """Version 1 was healthy; now it is summer, the model is wrong, and there is new data. Its digests."""
    monitors.served(served.get("deployment"))
    monitors.watch(edits)
    monitors.phase("Healthy")
    digests = monitors.publish_data("summer")
    monitors.population.now = SUMMER_MISJUDGED
    return digests


def hold_retrains(monitors: Monitors) -> None:
    """Trials of retrainings run until the test says otherwise."""
    monitors.lab.player.script = lambda pod: Run() if pod.job.startswith("flights-r-") else Succeed()


def retrained(monitors: Monitors) -> Object:
    (experiment,) = monitors.retrains()
    return experiment


def test_a_worse_model_is_trained_again_served_and_healthy(monitors: Monitors) -> None:
    digests = worse(monitors)
    monitor = monitors.decided("Retrain", "Executed")
    decision = monitor["status"]["decision"]
    experiment = retrained(monitors)
    assert decision["target"] == {"kind": "Experiment", "name": experiment["metadata"]["name"]}
    assert decision["evidence"]["signals"][-1] == "RealisedPerformance"
    assert monitor["status"]["budget"]["usedToday"] == 1
    trigger = {"kind": "DriftMonitor", "name": NAME, "decision": decision["id"]}
    assert experiment["spec"]["trigger"] == trigger
    assert experiment["metadata"]["labels"] == {"trimtab.dev/model": "flights", "trimtab.dev/trigger": NAME}
    assert "ownerReferences" not in experiment["metadata"]
    uris = {source["split"]: source["uri"] for source in experiment["spec"]["data"]}
    assert uris == {split: f"{monitors.uri(split)}@{digests[split]}" for split in SPLITS}
    first = monitors.api.get(EXPERIMENT, "flights-winter")["spec"]
    copied = {key: value for key, value in experiment["spec"].items() if key not in ("data", "trigger")}
    assert copied.keys() == {*first.keys()} - {"data"}
    assert copied["trial"]["image"] == first["trial"]["image"]

    monitors.population.now = SUMMER  # the new model is right about it
    monitors.lab.ended(experiment["metadata"]["name"])
    deployments.Deployments(monitors.lab).ready("flights-v2")
    version = monitors.api.get(MODEL_VERSION, "flights-v2")
    assert version["spec"]["lineage"]["trigger"] == trigger
    assert version["spec"]["lineage"]["data"] == digests
    after = monitors.until(
        lambda m: m["status"]["reference"]["modelVersion"] == "flights-v2" and phase(m) == "Healthy"
    )
    assert "endedAt" in after["status"]["decision"]
    assert "persistence" not in after["status"]
    assert len(monitors.retrains()) == 1


def test_a_version_that_is_worse_from_the_start_is_left_for_the_one_before(monitors: Monitors) -> None:
    serving, lab = monitors.lab.player.serving, monitors.lab
    monitors.served()
    monitors.watch()
    monitors.until(lambda m: m.get("status", {}).get("reference", {}).get("performed"))
    serving.clients = Population(World(right=False))
    monitors.publish_data("more")
    monitors.train("flights-second")
    deployments.Deployments(lab).ready("flights-v2")
    serving.clients = monitors.population  # of pods that are made from now on
    monitor = monitors.decided("Rollback", "Executed")
    decision = monitor["status"]["decision"]
    assert decision["target"]["to"] == "flights-v1"
    assert "endedAt" in decision
    back = deployments.Deployments(lab).until(
        lambda d: phase(d) == "Ready" and d["status"]["stable"]["modelVersion"] == "flights-v1"
    )
    assert condition(back, "Ready")["reason"] == "CandidateRejected"
    assert [entry["reason"] for entry in back["status"]["quarantine"]] == ["RolledBackByMonitor"]
    carried_out = back["status"]["lastDecision"]
    assert (carried_out["monitor"], carried_out["id"]) == (NAME, decision["id"])
    assert back["status"]["quarantine"][0]["revision"] == decision["target"]["revision"]
    after = monitors.phase("Healthy")
    assert after["status"]["reference"]["modelVersion"] == "flights-v1"
    assert monitors.retrains() == []
    assert serving.unanswered == 0


def test_unchanged_data_trains_nothing(monitors: Monitors) -> None:
    monitors.served()
    monitors.watch()
    monitors.phase("Healthy")
    monitors.population.now = SUMMER_MISJUDGED
    monitor = monitors.decided("Retrain", "Suppressed", "DataUnchanged")
    assert condition(monitor, "PerformanceDegraded")["status"] == "True"
    assert monitors.retrains() == []
    assert monitors.api.get(CONFIG_MAP, RECORD)["data"].get("retrains") is None
    monitors.publish_data("summer", ("train",))
    monitors.decided("Retrain", "Executed")
    assert monitors.get()["status"]["decision"]["id"] == monitor["status"]["decision"]["id"]


def test_broken_data_trains_nothing(monitors: Monitors) -> None:
    worse(monitors)
    monitors.population.now = World(temp=WARM, right=False, missing=0.6)
    monitors.decided("Retrain", "Suppressed", "DataQualityBroken")
    assert monitors.retrains() == []


def test_a_suggestion_waits_for_its_approval(
    control_plane: ControlPlane, monitors: Monitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    worse(monitors, {"spec.mode": "Suggest"})
    monitor = monitors.decided("Retrain", "Suggested")
    decision = monitor["status"]["decision"]["id"]
    assert monitors.retrains() == []
    monitors.approve("d-999", "wrong")
    stale = monitors.until(lambda m: m["status"].get("lastAction", {}).get("token") == "wrong")
    assert stale["status"]["lastAction"]["outcome"] == "StaleAction"
    assert stale["status"]["decision"]["state"] == "Suggested"
    command = ["approve", NAME, "--namespace", monitors.api.namespace]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0 and f"decision {decision}" in said.output, said.output
    done = monitors.decided("Retrain", "Executed")
    assert done["status"]["decision"]["id"] == decision
    assert done["status"]["lastAction"]["outcome"] == "Done"
    assert done["status"]["lastAction"]["by"] == "unverified: kubernetes-admin"
    assert len(monitors.retrains()) == 1
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 1 and "no decision waits" in again.output


def test_observe_only_alerts(monitors: Monitors) -> None:
    worse(monitors, {"spec.mode": "Observe"})
    monitor = monitors.until(
        lambda m: (
            "RealisedPerformance" in m["status"].get("decision", {}).get("evidence", {}).get("signals", ())
        )
    )
    assert monitor["status"]["decision"]["action"] == "Alert"
    assert monitors.retrains() == []


def test_the_budget_outlives_experiments_and_monitors(monitors: Monitors) -> None:
    monitors.lab.player.script = lambda pod: Fail() if pod.job.startswith("flights-r-") else Succeed()
    worse(monitors, {"spec.limits.maxRetrainsPerDay": 1})
    monitors.decided("Retrain", "Executed")
    first = retrained(monitors)
    monitors.lab.ended(first["metadata"]["name"])
    monitors.decided("Retrain", "Suppressed", "AlreadyActedOn")
    monitors.publish_data("late summer")
    monitors.decided("Retrain", "Suppressed", "BudgetSpent")
    monitors.api.delete(EXPERIMENT, first["metadata"]["name"])
    monitors.decided("Retrain", "Suppressed", "RetrainInFlight")  # for all that the ledger says
    an_hour_passes(monitors)
    monitors.decided("Retrain", "Suppressed", "BudgetSpent")
    monitors.api.delete(DRIFT_MONITOR, NAME)
    monitors.api.wait_gone(DRIFT_MONITOR, NAME)
    monitors.watch({"spec.limits.maxRetrainsPerDay": 1})
    monitor = monitors.decided("Retrain", "Suppressed", "BudgetSpent")
    assert (monitor["status"]["budget"]["usedToday"], monitor["status"]["budget"]["maxPerDay"]) == (1, 1)
    assert monitors.retrains() == []


def an_hour_passes(monitors: Monitors) -> None:
    """In the ledger."""
    kept = json.loads(monitors.api.get(CONFIG_MAP, RECORD)["data"]["retrains"])
    for entry in kept:
        entry["at"] = format_time(parse_time(entry["at"]) - timedelta(hours=1))
    monitors.api.patch(CONFIG_MAP, RECORD, {"data": {"retrains": json.dumps(kept)}})


def test_two_monitors_of_one_model_make_one_experiment(monitors: Monitors) -> None:
    hold_retrains(monitors)
    monitors.served()
    for name in (NAME, "second"):
        monitors.watch(name=name)
    for name in (NAME, "second"):
        monitors.phase("Healthy", name=name)
    monitors.publish_data("summer")
    monitors.population.now = SUMMER_MISJUDGED
    wait_until(lambda: len(monitors.retrains()) == 1, "a retraining", 60)
    winner = retrained(monitors)["metadata"]["labels"]["trimtab.dev/trigger"]
    loser = "second" if winner == NAME else NAME
    monitors.decided("Retrain", "Executed", name=winner)
    monitors.until(
        lambda m: (
            m["status"].get("decision", {}).get("action") == "Retrain"
            and m["status"]["decision"]["state"] == "Suppressed"
        ),
        name=loser,
    )
    assert len(monitors.retrains()) == 1
    assert len(json.loads(monitors.api.get(CONFIG_MAP, RECORD)["data"]["retrains"])) == 1


def test_a_successor_finishes_what_was_approved(monitors: Monitors) -> None:
    """Killed with the entry in the ledger and no Experiment, or with none of both, or all."""
    hold_retrains(monitors)
    worse(monitors, {"spec.mode": "Suggest"})
    decision = monitors.decided("Retrain", "Suggested")["status"]["decision"]["id"]
    monitors.lab.operators[-1].kill()
    monitors.approve(decision, "go")
    monitors.lab.successor(scrapeSeconds=0.5)
    monitors.decided("Retrain", "Executed")
    monitors.lab.operators[-1].kill()
    monitors.lab.successor(scrapeSeconds=0.5)
    window = monitors.get()["status"]["window"]["end"]
    after = monitors.until(lambda m: m["status"]["window"]["end"] > window)
    assert after["status"]["decision"]["id"] == decision
    assert len(monitors.retrains()) == 1


def test_a_pinned_deployment_is_told_that_a_version_waits(monitors: Monitors) -> None:
    pinned = {"spec.model": {"name": "flights", "version": 1}}
    worse(monitors, deployment=pinned)
    monitors.decided("Retrain", "Executed")
    waiting = monitors.until(
        lambda m: "AwaitingRollout" in m["status"].get("decision", {}).get("message", ""), seconds=90
    )
    assert "model.version to 2" in waiting["status"]["decision"]["message"]
    monitors.publish_data("late summer")
    window = waiting["status"]["window"]["end"]
    monitors.until(lambda m: m["status"]["window"]["end"] > window)
    assert len(monitors.retrains()) == 1, "one at a time, also while its version waits"


def test_a_ledger_that_nobody_can_read_starts_nothing(monitors: Monitors) -> None:
    worse(monitors, {"spec.mode": "Suggest"})
    decision = monitors.decided("Retrain", "Suggested")["status"]["decision"]["id"]
    monitors.api.patch(CONFIG_MAP, RECORD, {"data": {"retrains": "not json"}})
    monitors.decided("Retrain", "Refused", "LedgerUnreadable")
    monitors.api.patch(CONFIG_MAP, RECORD, {"data": {"retrains": None}})
    monitors.decided("Retrain", "Suggested")
    monitors.approve(decision, "now")
    monitors.decided("Retrain", "Executed")


def test_without_the_first_experiment_the_named_one_is_copied(monitors: Monitors) -> None:
    worse(monitors, {"spec.mode": "Suggest"})
    decision = monitors.decided("Retrain", "Suggested")["status"]["decision"]["id"]
    monitors.api.delete(EXPERIMENT, "flights-winter")
    monitors.decided("Retrain", "Refused", "NothingToCopy")
    other = samples.edited(
        monitors.lab.experiment("template"),
        {
            "spec.suspend": True,
            "spec.data": [{"name": s, "split": s, "uri": monitors.uri(s)} for s in SPLITS],
        },
    )
    monitors.api.create(EXPERIMENT, other)
    monitors.api.patch(DRIFT_MONITOR, NAME, {"spec": {"retrain": {"experimentRef": {"name": "template"}}}})
    monitors.decided("Retrain", "Suggested")
    monitors.approve(decision, "now")
    monitors.decided("Retrain", "Executed")
    made = retrained(monitors)["spec"]
    assert made["budget"] == other["spec"]["budget"] and not made.get("suspend")


def test_nothing_starts_while_a_candidate_is_on_its_way(monitors: Monitors) -> None:
    worse(
        monitors,
        {"spec.mode": "Suggest"},
        deployment={"spec.rollout.steps": [deployments.WEIGHT, {"pause": {}}]},
    )
    monitors.decided("Retrain", "Suggested")
    monitors.train("by-hand")
    deployments.Deployments(monitors.lab).until(lambda d: d["status"].get("candidate"))
    monitors.decided("Retrain", "Suppressed", "RolloutInProgress")
    monitors.api.patch(DEPLOYMENT, NAME, {"spec": {"model": {"follow": None, "version": 1}}})
    monitors.decided("Retrain", "Suggested")
