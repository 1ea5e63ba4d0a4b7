"""The operator's metrics about drift: counted over monitors, with labels from closed lists."""

from __future__ import annotations

from prometheus_client import generate_latest

from trimtab.runtime.drift_metrics import show_monitors
from trimtab.runtime.metrics import Metrics

DRIFTED = {"signal": "FeatureDrift", "verdict": "Drifted"}
HEALTHY = {"signal": "FeatureDrift", "verdict": "Healthy"}
RETRAIN = {"action": "Retrain", "state": "Suppressed"}


def page(metrics: Metrics) -> list[str]:
    lines = generate_latest(metrics.registry).decode().splitlines()
    return [line for line in lines if line.startswith(("trimtab_drift", "trimtab_retrain"))]


def test_monitors_are_counted_by_what_they_say() -> None:
    metrics = Metrics()
    over = {**RETRAIN, "endedAt": "2026-01-01T00:00:00Z"}
    budget = {"usedToday": 1, "maxPerDay": 2}
    show_monitors(
        metrics,
        [
            {"status": {"signals": [DRIFTED], "decision": RETRAIN, "budget": budget}},
            {"status": {"signals": [DRIFTED], "decision": over}},
            {"status": {"signals": [HEALTHY]}},
            {},
        ],
    )
    assert page(metrics) == [
        'trimtab_drift_signals{signal="FeatureDrift",verdict="Drifted"} 2.0',
        'trimtab_drift_signals{signal="FeatureDrift",verdict="Healthy"} 1.0',
        'trimtab_drift_decisions{action="Retrain",state="Suppressed"} 1.0',
        'trimtab_retrain_budget{part="used"} 1.0',
        'trimtab_retrain_budget{part="allowed"} 2.0',
    ]


def test_what_no_monitor_says_any_more_is_gone() -> None:
    metrics = Metrics()
    show_monitors(metrics, [{"status": {"signals": [DRIFTED], "decision": RETRAIN}}])
    show_monitors(metrics, [])
    assert page(metrics) == [
        'trimtab_retrain_budget{part="used"} 0.0',
        'trimtab_retrain_budget{part="allowed"} 0.0',
    ]
