"""What a DriftMonitor asks of a Deployment: carried out once, about stable as it is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_samples import revision, side, version, workload, workloads
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.cluster.cache import Cache
from trimtab.deployment.decide import decide
from trimtab.deployment.observed import AskedToGoBack, DeploymentObserved
from trimtab.model.kinds import DRIFT_MONITOR
from trimtab.runtime.observe_deployment import asked_by
from trimtab.runtime.routes import WATCHED

ASKED = AskedToGoBack("drift", "uid-1", "d-4", revision(2), "logLoss 0.9 against 0.5")


def served(*asked: AskedToGoBack, **parts: Any) -> DeploymentObserved:
    known: dict[str, Any] = {"stable": side(2), "last_good": side(1), "phase": "Ready"}
    return samples.observed(
        DeploymentStatus(**(known | parts)),
        of=samples.spec(model={"name": "churn", "version": 2}),
        versions=(version(1), version(2)),
        records=samples.records(1, 2, 3),
        workloads=workloads(workload(2, 2, serving=2)),
        asked=asked,
    )


def test_it_is_decided_and_remembered_in_one_write() -> None:
    status = decide(served(ASKED), NOW).status
    assert status is not None
    assert (status["rollback"]["revision"], status["rollback"]["to"]) == (revision(2), revision(1))
    assert status["rollback"]["reason"] == "RolledBackByMonitor"
    assert "drift, decision d-4: logLoss 0.9" in status["rollback"]["message"]
    assert status["lastDecision"] == {"monitor": "drift", "monitorUid": "uid-1", "id": "d-4"}


@pytest.mark.parametrize(
    ("asked", "parts", "why"),
    [
        (AskedToGoBack("drift", "uid-1", "d-4", revision(3), ""), {}, "about another revision"),
        (ASKED, {"last_good": None}, "there is nothing to go back to"),
        (ASKED, {"candidate": side(3)}, "a candidate is on its way: it may be the fix"),
        (ASKED, {"last_decision": {"monitor": "drift", "monitor_uid": "uid-1", "id": "d-4"}}, "it was done"),
    ],
)
def test_what_is_not_carried_out(asked: AskedToGoBack, parts: dict[str, Any], why: str) -> None:
    status = decide(served(asked, **parts), NOW).status or {}
    assert "rollback" not in status, why


def test_another_monitor_of_the_name_counts_anew() -> None:
    done = {"monitor": "drift", "monitor_uid": "uid-0", "id": "d-4"}
    status = decide(served(ASKED, last_decision=done), NOW).status
    assert status is not None
    assert status["lastDecision"]["monitorUid"] == "uid-1"


def monitor(**decision: Any) -> dict[str, Any]:
    known = {
        "id": "d-4",
        "action": "Rollback",
        "state": "Approved",
        "target": {"kind": "Deployment", "name": "churn", "revision": revision(2)},
        "evidence": {"message": "logLoss 0.9 against 0.5"},
    }
    return {
        "metadata": {"name": "drift", "namespace": "ml", "uid": "uid-1"},
        "spec": {"deploymentRef": {"name": "churn"}},
        "status": {"decision": known | decision},
    }


@pytest.mark.parametrize(
    ("decision", "expected", "why"),
    [
        ({}, [ASKED], "approved"),
        ({"state": "Suggested"}, [], "waits for a person"),
        ({"endedAt": "2026-01-01T00:00:00Z"}, [], "what it was about is over"),
        ({"action": "Retrain", "target": {"kind": "Experiment", "name": "x"}}, [], "not ours to carry out"),
    ],
)
def test_what_is_read_of_monitors(decision: dict[str, Any], expected: list[AskedToGoBack], why: str) -> None:
    assert list(asked_by([monitor(**decision)], "churn")) == expected, why
    assert list(asked_by([monitor(**decision)], "other")) == []
    assert list(asked_by([{**monitor(), "status": {}}], "churn")) == []


def test_a_decision_wakes_the_deployment() -> None:
    (watched,) = (one for one in WATCHED if one.kind is DRIFT_MONITOR)
    keys = {str(key) for key in watched.concerned(monitor(), Cache())}
    assert keys == {"DriftMonitor ml/drift", "Deployment ml/churn"}
    assert len(list(watched.concerned(monitor(action="Alert"), Cache()))) == 1
