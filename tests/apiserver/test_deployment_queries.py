"""Queries to a real Prometheus that scrapes the pods of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.api import condition, wait_until
from tests.harness.deployments import FAST, HOLD, WEIGHT, Deployments, plant, reasons, revision
from tests.harness.lab import Lab
from tests.harness.prometheus import LocalPrometheus, prometheus_in

Object = dict[str, Any]
_SIDE = 'revision="{{revision}}", traffic="live"'
FAILED = (
    f"sum(rate(trimtab_error_connections_total{{{_SIDE}}}[2s])) "
    f"/ sum(rate(trimtab_connections_total{{{_SIDE}}}[2s]))"
)
QUERY = {"name": "failed", "query": FAILED, "sourceRef": {"name": "main"}, "maxRatio": "1.5"}
WATCHED = {"name": "errors", "preset": "errorRate", "onFail": "Observe"}
ANALYZE = {"analyze": {"maxDuration": "5m"}}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[LocalPrometheus]:
    with prometheus_in(tmp_path / "prometheus") as made:
        yield made


@pytest.fixture
def deployments(lab: Lab, prometheus: LocalPrometheus) -> Deployments:
    """Version 1 serves; version 2 stands at its first weight, and only the query decides."""
    lab.player.serving.rate = 200.0
    deployments = Deployments(lab)
    plant(lab.api, 1)
    metrics = {"spec.rollout.analysis.metrics": [QUERY, WATCHED]}
    deployments.create(WEIGHT, ANALYZE, HOLD, edits=metrics)
    source = {"name": "main", "url": prometheus.url, "intervalSeconds": 0.3}
    lab.run_operator(**FAST, prometheusSources=[source])
    deployments.ready("flights-v1")
    plant(lab.api, 2)
    return deployments


def _candidate(lab: Lab, deployments: Deployments, prometheus: LocalPrometheus) -> str:
    """Its revision, once its pods are scraped."""
    candidate = revision(deployments.until(lambda d: "candidate" in d["status"]), "candidate")
    wait_until(lambda: lab.player.serving.servers(candidate), "the candidate to serve")
    prometheus.scrape(lab.player.serving.servers())
    return candidate


def _verdict(deployment: Object) -> Object:
    found = [m for m in deployment["status"].get("analysis", ()) if m["metric"] == "failed"]
    return found[0] if found else {}


def test_a_candidate_that_a_query_finds_worse_is_given_up(
    lab: Lab, deployments: Deployments, prometheus: LocalPrometheus
) -> None:
    prometheus.start()
    bad = _candidate(lab, deployments, prometheus)
    lab.player.serving.fail_requests(bad)
    rejected = deployments.reason("CandidateRejected")
    (entry,) = rejected["status"]["quarantine"]
    assert (entry["revision"], entry["reason"]) == (bad, "AnalysisFailed")
    assert entry["message"].startswith("failed: candidate ")
    assert "stable 0, ratio inf" in entry["message"]
    assert _verdict(rejected)["samples"] >= 3, "one look decides nothing"


def test_an_outage_freezes_and_a_sound_candidate_passes_when_it_is_over(
    lab: Lab, deployments: Deployments, prometheus: LocalPrometheus
) -> None:
    """No Prometheus answers at first; then it does, and all that stable and candidate fail is nothing."""
    _candidate(lab, deployments, prometheus)
    frozen = deployments.until(lambda d: condition(d, "Ready").get("reason") == "ProviderError")
    assert condition(frozen, "MetricsAvailable")["status"] == "False"
    assert "failed: source main: no connection" in condition(frozen, "Ready")["message"]
    assert "quarantine" not in frozen["status"]
    prometheus.start()
    passed = deployments.reason("AwaitingPerson")
    assert "Aborted" not in reasons(passed)
    assert condition(passed, "MetricsAvailable")["status"] == "True"
