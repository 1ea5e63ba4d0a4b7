"""Alert rules as Prometheus reads them, and what makes each of them fire."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from tests.chart.test_chart import of_kind, render
from tests.cluster import prometheus
from tests.cluster.helm import CHART

from trimtab.runtime.metrics import Metrics

RULES = CHART / "alerts" / "trimtab.yaml"
ALERTS = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
# What fires each alert, as promtool writes series, and the labels that it then has beside its own.
FIRES: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    "TrimtabWithoutLeader": ({"trimtab_leader": "0x30"}, "3m", {}),
    "TrimtabQueueStandsStill": ({"trimtab_queue_oldest_seconds": "0+60x30"}, "10m", {}),
    "TrimtabReconcileErrors": (
        {'trimtab_reconcile_seconds_count{kind="Deployment",outcome="error"}': "0x5 1x30"},
        "10m",
        {"kind": "Deployment"},
    ),
    "TrimtabDeploymentNeedsAttention": (
        {'trimtab_objects{kind="Deployment",phase="Aborted"}': "1x30"},
        "6m",
        {"phase": "Aborted"},
    ),
    "TrimtabPerformanceDegraded": (
        {'trimtab_drift_signals{signal="RealisedPerformance",verdict="Drifted"}': "1x30"},
        "16m",
        {},
    ),
    "TrimtabDataQualityBroken": (
        {'trimtab_drift_signals{signal="DataQuality",verdict="Drifted"}': "1x30"},
        "16m",
        {},
    ),
    "TrimtabMonitorSeesNothing": (
        {'trimtab_drift_signals{signal="FeatureDrift",verdict="SourceError"}': "1x30"},
        "16m",
        {},
    ),
    "TrimtabDecisionWaits": (
        {'trimtab_drift_decisions{action="Retrain",state="Suggested"}': "1x90"},
        "61m",
        {"action": "Retrain"},
    ),
}
QUIET = {
    "trimtab_leader": "1x90",
    "trimtab_queue_oldest_seconds": "0x90",
    'trimtab_reconcile_seconds_count{kind="Deployment",outcome="error"}': "3x90",
    'trimtab_reconcile_seconds_count{kind="Deployment",outcome="idle"}': "0+10x90",
    'trimtab_objects{kind="Deployment",phase="Ready"}': "5x90",
    'trimtab_objects{kind="Experiment",phase="Failed"}': "5x90",
    'trimtab_drift_signals{signal="FeatureDrift",verdict="Drifted"}': "5x90",
    'trimtab_drift_decisions{action="Alert",state="Executed"}': "5x90",
}


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run([prometheus.promtool(), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def series(of: dict[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in of.items()]


def test_prometheus_reads_them() -> None:
    promtool("check", "rules", RULES)


def test_every_alert_has_a_case() -> None:
    assert list(FIRES) == list(ALERTS)


def test_they_ask_for_metrics_that_there_are() -> None:
    """By the names under which the operator exports them."""
    collectors = [one for one in vars(Metrics()).values() if isinstance(one, MetricWrapperBase)]
    known = {family.name for one in collectors for family in one.describe()}
    asked = {name for rule in ALERTS.values() for name in re.findall(r"trimtab_[a-z_]+", rule["expr"])}
    assert {name.removesuffix("_count") for name in asked} <= known


@pytest.mark.parametrize("alert", list(ALERTS))
def test_what_makes_it_fire(tmp_path: Path, alert: str) -> None:
    """With its texts filled in; and what is no reason for any alert."""
    fires, at, labels = FIRES[alert]
    rule = ALERTS[alert]
    case: dict[str, Any] = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series(fires),
                "alert_rule_test": [
                    {"alertname": alert, "eval_time": at, "exp_alerts": [expected(rule, labels)]}
                ],
            },
            {
                "interval": "1m",
                "input_series": series(QUIET),
                "alert_rule_test": [{"alertname": alert, "eval_time": "80m", "exp_alerts": []}],
            },
        ],
    }
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump(case))
    promtool("test", "rules", file)


def expected(rule: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    value = "10m 0s" if "humanizeDuration" in rule["annotations"]["summary"] else "1"
    texts = {key: re.sub(r"{{ \$value[^}]*}}", value, text) for key, text in rule["annotations"].items()}
    for label, given in labels.items():
        texts = {key: text.replace(f"{{{{ $labels.{label} }}}}", given) for key, text in texts.items()}
    return {"exp_labels": rule["labels"] | labels, "exp_annotations": texts}


def test_the_chart_wraps_them() -> None:
    assert of_kind(render(), "PrometheusRule") == []
    (rule,) = of_kind(render("--set", "alerts.enabled=true,alerts.labels.release=prom"), "PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text())
    assert rule["metadata"]["labels"]["release"] == "prom"
