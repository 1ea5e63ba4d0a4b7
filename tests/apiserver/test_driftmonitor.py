"""A DriftMonitor on a real API server: what windows say of a world. Pods are played."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.harness import deployments
from tests.harness.api import CONFIG_MAP, DEPLOYMENT, EVENT, condition, wait_until
from tests.harness.lab import Lab
from tests.harness.monitors import RATE, Monitors, signal
from tests.harness.population import SUMMER, WINTER

from trimtab.model.clock import parse_time

SIGNALS = ("FeatureDrift", "PredictionDrift", "DataQuality", "RealisedPerformance")


@pytest.fixture
def monitors(lab: Lab) -> Monitors:
    return Monitors(lab)


def events(monitors: Monitors) -> set[str]:
    """The reasons of the monitor's Events."""
    found = monitors.api.list(EVENT)
    return {event["reason"] for event in found if event["involvedObject"]["kind"] == "DriftMonitor"}


def test_a_quiet_world_is_healthy(monitors: Monitors) -> None:
    monitors.served()
    monitors.watch()
    monitor = monitors.phase("Healthy")
    status = monitor["status"]
    assert status["reference"]["modelVersion"] == "flights-v1"
    assert status["window"]["completeness"] == "Complete"
    assert {s["signal"]: s["verdict"] for s in status["signals"]} == dict.fromkeys(SIGNALS, "Healthy")
    assert condition(monitor, "Ready")["status"] == "True"
    assert condition(monitor, "DriftDetected")["status"] == "False"
    assert condition(monitor, "PerformanceDegraded")["status"] == "False"
    assert condition(monitor, "MetricsAvailable")["status"] == "True"
    assert "decision" not in status


def test_rows_of_a_window_are_those_that_were_answered(monitors: Monitors) -> None:
    """Windows are added up over pods, without gap or overlap: differences of whole counters."""
    monitors.served({"spec.serving.replicas": 2})
    monitors.watch()
    monitors.phase("Healthy")
    first = monitors.get()["status"]["window"]["end"]
    counted = {}

    def counts(monitor: dict[str, object]) -> bool:
        window = monitor["status"]["window"]  # type: ignore[index]
        if window["end"] > first:
            counted[window["end"]] = (window["rows"], window["labelled"])
        return len(counted) == 4

    monitors.until(counts)
    for rows, labelled in counted.values():
        assert rows == labelled, "every row's label comes back at once"
        assert 0.5 * 2 * RATE < rows < 1.5 * 2 * RATE


def test_other_inputs_alone_are_an_alert(monitors: Monitors) -> None:
    monitors.served()
    monitors.watch()
    monitors.phase("Healthy")
    monitors.publish_data("summer")
    monitors.population.now = SUMMER
    monitor = monitors.decided("Alert", "Executed")
    drift = signal(monitor, "FeatureDrift")
    assert (monitor["status"]["phase"], drift["verdict"], drift["raised"]) == ("Drifted", "Drifted", True)
    temp, carrier = drift["top"]
    assert temp["feature"] == "temp" and float(temp["psiAdjusted"]) > 0.5
    assert carrier["feature"] == "carrier" and float(carrier["psiAdjusted"]) < 0.1
    assert condition(monitor, "DriftDetected")["reason"] == "FeatureDrift"
    assert condition(monitor, "PerformanceDegraded")["status"] == "False"
    assert condition(monitor, "Ready")["status"] == "True", "the monitor does its work"
    wait_until(lambda: {"Raised", "Alert"} <= events(monitors), "the Events")
    monitors.population.now = WINTER
    cleared = monitors.phase("Healthy")
    assert "endedAt" in cleared["status"]["decision"]
    assert monitors.retrains() == []


def test_silence_is_said_once_and_never_healthy(monitors: Monitors) -> None:
    monitors.served()
    monitors.watch()
    monitors.phase("Healthy")
    monitors.lab.player.serving.rate = 0.0
    silent = monitors.phase("NoTraffic")
    assert condition(silent, "Ready")["reason"] == "NoTraffic"
    (server,) = monitors.lab.player.serving.servers()
    monitors.lab.settle()  # its Event follows its status
    written, scrapes = len(monitors.lab.proxy.writes), server.scrapes
    wait_until(lambda: server.scrapes > scrapes + 12, "some windows more")
    assert monitors.get()["metadata"]["resourceVersion"] == silent["metadata"]["resourceVersion"]
    later = [str(write) for write in monitors.lab.proxy.writes[written:]]
    assert later == []
    monitors.lab.player.serving.rate = RATE
    monitors.phase("Healthy")


def test_a_page_that_is_not_metrics_is_an_error_of_the_source(monitors: Monitors) -> None:
    served = monitors.served()
    monitors.watch()
    monitors.phase("Healthy")
    revision = deployments.revision(served)
    monitors.lab.player.serving.show_page(revision, b"<html>welcome</html>\n")
    broken = monitors.phase("SourceError")
    assert condition(broken, "Ready")["reason"] == "SourceError"
    assert condition(broken, "MetricsAvailable")["status"] == "False"
    assert "<html>" not in str(broken["status"])
    assert {s["verdict"] for s in broken["status"]["signals"]} == {"SourceError"}
    monitors.lab.player.serving.show_page(revision, None)
    monitors.phase("Healthy")


def test_too_few_rows_say_how_long_it_would_take(monitors: Monitors) -> None:
    monitors.served()
    monitors.lab.player.serving.rate = 20.0
    monitors.watch()
    monitor = monitors.reason("WindowTooShort")
    drift = signal(monitor, "FeatureDrift")
    assert monitor["status"]["phase"] == "InsufficientData"
    assert drift["minSamples"] > 40 and drift["secondsToMinSamples"] > 2


def test_what_is_missing_is_said(monitors: Monitors) -> None:
    monitors.lab.run_operator()
    monitors.watch()
    monitors.reason("DeploymentMissing")
    monitors.api.create(DEPLOYMENT, deployments.body())
    monitors.reason("AwaitingDeployment")
    deployments.plant(monitors.api, 1)
    monitor = monitors.reason("NoProfile")
    assert condition(monitor, "Stalled")["status"] == "True"


def test_a_restart_keeps_alarms_and_decisions(monitors: Monitors) -> None:
    monitors.served()
    monitors.watch()
    monitors.phase("Healthy")
    monitors.population.now = SUMMER
    before = monitors.decided("Alert", "Executed")["status"]
    monitors.lab.operators[-1].kill()
    monitors.lab.successor(scrapeSeconds=0.5)
    window = before["window"]["end"]
    monitors.until(
        lambda m: (
            m["status"]["window"]["end"] > window and m["status"]["window"]["completeness"] == "Complete"
        )
    )
    after = monitors.get()["status"]
    assert (after["phase"], after["decision"]) == ("Drifted", before["decision"])
    assert [s["raised"] for s in after["signals"]] == [s["raised"] for s in before["signals"]]


def test_a_long_window_survives_the_operator(monitors: Monitors) -> None:
    """What was counted before the restart is there; that rows are missing is said."""
    monitors.served()
    monitors.watch({"spec.window": "70s"})
    name = "flights-driftmonitor-evidence"
    stored: dict[str, Any] = {}

    def is_worth_a_restart(config_map: dict[str, Any]) -> bool:
        stored.update(json.loads(config_map["data"]["window"]))
        return (parse_time(stored["end"]) - datetime.now(UTC)).total_seconds() > 25

    config_map = monitors.api.wait(CONFIG_MAP, name, is_worth_a_restart, seconds=150)
    owner = config_map["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["controller"]) == ("DriftMonitor", True)
    monitors.lab.operators[-1].kill()
    monitors.lab.successor(scrapeSeconds=0.5)
    monitor = monitors.until(lambda m: m["status"].get("window", {}).get("end") == stored["end"], seconds=90)
    assert monitor["status"]["window"]["completeness"] == "Partial"
    assert monitor["status"]["window"]["rows"] > stored["counts"]["trimtab_rows_total|live"] > 0


def test_evidence_that_nobody_can_read_is_named(monitors: Monitors) -> None:
    monitors.served()
    name = "flights-driftmonitor-evidence"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"window": "?"}}
    monitors.api.create(CONFIG_MAP, body)
    monitors.watch()
    broken = monitors.reason("EvidenceUnreadable")
    assert name in condition(broken, "Ready")["message"]
    monitors.api.delete(CONFIG_MAP, name)
    monitors.phase("Healthy")
