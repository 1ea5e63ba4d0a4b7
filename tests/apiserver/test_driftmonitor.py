"""A DriftMonitor on a real API server: what windows say, and what follows. Pods are played."""

from __future__ import annotations

import pytest
from tests.harness.api import condition
from tests.harness.lab import Lab
from tests.harness.monitors import Monitors


@pytest.fixture
def monitors(lab: Lab) -> Monitors:
    return Monitors(lab)


def test_a_quiet_world_is_healthy(monitors: Monitors) -> None:
    monitors.served()
    monitors.watch()
    monitor = monitors.phase("Healthy")
    status = monitor["status"]
    assert status["reference"]["modelVersion"] == "flights-v1"
    assert status["window"]["completeness"] == "Complete"
    assert {s["signal"]: s["verdict"] for s in status["signals"]} == dict.fromkeys(
        ("FeatureDrift", "PredictionDrift", "DataQuality", "RealisedPerformance"), "Healthy"
    )
    assert condition(monitor, "Ready")["status"] == "True"
    assert condition(monitor, "DriftDetected")["status"] == "False"
    assert condition(monitor, "PerformanceDegraded")["status"] == "False"
    assert condition(monitor, "MetricsAvailable")["status"] == "True"
    assert "decision" not in status
