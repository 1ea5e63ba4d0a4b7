"""The operator's metrics about drift, counted from the monitors' status when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from trimtab.runtime.metrics import Metrics


def show_monitors(metrics: Metrics, monitors: Iterable[Mapping[str, Any]]) -> None:
    """Set the gauges; their labels are closed lists."""
    statuses = [monitor.get("status", {}) for monitor in monitors]
    signals = Counter((s["signal"], s["verdict"]) for status in statuses for s in status.get("signals", ()))
    open_ = [d for status in statuses if (d := status.get("decision")) and "endedAt" not in d]
    decisions = Counter((decision["action"], decision["state"]) for decision in open_)
    metrics.drift_signals.clear()
    for labels, count in signals.items():
        metrics.drift_signals.labels(*labels).set(count)
    metrics.drift_decisions.clear()
    for labels, count in decisions.items():
        metrics.drift_decisions.labels(*labels).set(count)
    budgets = [status.get("budget", {}) for status in statuses]
    metrics.retrain_budget.labels("used").set(sum(b.get("usedToday", 0) for b in budgets))
    metrics.retrain_budget.labels("allowed").set(sum(b.get("maxPerDay", 0) for b in budgets))
