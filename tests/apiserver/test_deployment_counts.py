"""Presets that are counted by a real Prometheus which scrapes the pods of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.api import condition, wait_until
from tests.harness.deployments import ERRORS, FAST, HOLD, WEIGHT, Deployments, plant, revision
from tests.harness.lab import Lab
from tests.harness.prometheus import LocalPrometheus, prometheus_in

Object = dict[str, Any]
SOURCE = {"sourceRef": {"name": "main"}}
SLOW = {"name": "slow", "preset": "latency", "quantile": "0.95", "maxDuration": "250ms", **SOURCE}
ANALYZE = {"analyze": {"minSamples": 20, "maxDuration": "5m"}}


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[LocalPrometheus]:
    with prometheus_in(tmp_path / "prometheus") as made:
        yield made


@pytest.fixture
def deployments(lab: Lab, prometheus: LocalPrometheus) -> Deployments:
    """Version 1 serves, version 2 has its first weight; errors and durations are counted by the source."""
    lab.player.serving.rate = 200.0
    deployments = Deployments(lab)
    plant(lab.api, 1)
    metrics = {"spec.rollout.analysis.metrics": [{**ERRORS, **SOURCE}, SLOW]}
    deployments.create(WEIGHT, ANALYZE, HOLD, edits=metrics)
    source = {"name": "main", "url": prometheus.url, "intervalSeconds": 0.3}
    lab.run_operator(**FAST, prometheusSources=[source])
    deployments.ready("flights-v1")
    plant(lab.api, 2)
    return deployments


def _message(deployment: Object) -> str:
    return str(condition(deployment, "Ready").get("message", ""))


def test_what_the_source_counted_decides_and_what_it_lacks_freezes(
    lab: Lab, deployments: Deployments, prometheus: LocalPrometheus
) -> None:
    candidate = revision(deployments.until(lambda d: "candidate" in d["status"]), "candidate")
    deployments.reason("ProviderError")
    wait_until(lambda: lab.player.serving.servers(candidate), "the candidate to serve")
    (server,) = lab.player.serving.servers(candidate)
    prometheus.scrape([s for s in lab.player.serving.servers() if s is not server])
    prometheus.start()
    frozen = deployments.until(lambda d: "no counts of pod" in _message(d))
    assert server.pod["name"] in _message(frozen)
    assert "quarantine" not in frozen["status"]
    prometheus.scrape(lab.player.serving.servers())
    found = {m["metric"]: m for m in deployments.reason("AwaitingPerson")["status"]["analysis"]}
    verdicts = {name: metric["verdict"] for name, metric in found.items()}
    assert verdicts == {"errors": "Pass", "slow": "Pass", "podHealth": "Pass"}
    assert 50 <= found["errors"]["samples"] <= server.connections, "nothing counts twice"
    lab.player.serving.fail_requests(candidate)
    (entry,) = deployments.reason("CandidateRejected")["status"]["quarantine"]
    assert (entry["revision"], entry["reason"]) == (candidate, "AnalysisFailed")
    assert entry["message"].startswith("errors: candidate ")


def test_a_pod_that_two_jobs_scrape_is_not_counted_twice(
    lab: Lab, deployments: Deployments, prometheus: LocalPrometheus
) -> None:
    candidate = revision(deployments.until(lambda d: "candidate" in d["status"]), "candidate")
    wait_until(lambda: lab.player.serving.servers(candidate), "the candidate to serve")
    prometheus.scrape(lab.player.serving.servers(), jobs=2)
    prometheus.start()
    deployments.until(lambda d: "scraped by two jobs" in _message(d))
    assert "quarantine" not in deployments.get()["status"]
