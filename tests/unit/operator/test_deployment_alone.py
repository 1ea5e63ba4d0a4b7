"""A candidate beside a stable revision that does not serve: it is never held up by what is broken already."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_samples import revision, service, side, spec, version, workload, workloads
from tests.unit.operator.samples import NOW, condition

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, StepStatus
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.decide import decide
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.steps import step_key
from trimtab.deployment.traffic.by_pods import Traffic
from trimtab.deployment.turn import turn_name

STEPS: list[dict[str, Any]] = [{"weight": 50}, {"analyze": {}}, {"weight": 75}, {"pause": {}}]
LONG_AFTER_ALL_DEADLINES = 1e6
PROMOTE, HOLD = "Promote", "Hold"


def seen(
    policy: str,
    *,
    down: float = 20.0,
    index: int = 0,
    serving: int = 2,
    verdict: Verdict = Verdict.INCONCLUSIVE,
    value: float | None = None,
    metrics_problem: str = "",
    action: str = "",
) -> DeploymentObserved:
    """Stable has no ready pod; the candidate has its two."""
    two = side(2)
    rollout = {"steps": STEPS, "onStableUnhealthy": policy}
    key = step_key(turn_name(two), index)
    evidence = Evidence(
        turn_name(two),
        NOW,
        observed_seconds={key: LONG_AFTER_ALL_DEADLINES},
        stable_down_seconds=down,
    )
    return samples.observed(
        DeploymentStatus(
            stable=side(1), candidate=two, step=StepStatus(index=index, started_at=NOW), phase="Progressing"
        ),
        of=spec(model={"name": "churn", "version": 2}, rollout=rollout),
        versions=(version(1), version(2)),
        records=samples.records(1, 2),
        workloads=workloads(workload(1, 2, starting=2), workload(2, 2, ready=2, serving=serving)),
        service=service(Traffic(revision(1), both=True)),
        evidence=evidence,
        verdicts=(MetricVerdict("errors", verdict, True, samples=60, value=value),),
        metrics_problem=metrics_problem,
        action=action,
    )


@pytest.mark.parametrize(
    ("policy", "parts", "reason", "step", "why"),
    [
        (PROMOTE, {}, "Promoting", 4, "the steps that are left mean nothing"),
        (PROMOTE, {"index": 1}, "Promoting", 4, "there is nobody to be compared with"),
        (PROMOTE, {"index": 3}, "Promoting", 4, "that is what it says"),
        (PROMOTE, {"value": 0.004}, "Promoting", 4, "within its own limit"),
        (PROMOTE, {"value": 0.2}, "StableUnhealthy", 0, "it may be no better than nothing"),
        (PROMOTE, {"metrics_problem": "no page"}, "StableUnhealthy", 0, "nobody knows how it does"),
        (HOLD, {}, "StableUnhealthy", 0, "a person decides, and no deadline gives it up"),
        (HOLD, {"index": 1}, "StableUnhealthy", 1, "also in an analysis"),
        (PROMOTE, {"down": 10.0, "index": 3}, "AwaitingPerson", 3, "a pod may come back"),
        (HOLD, {"down": 0.0}, "Analyzing", 1, "a deadline that stable misses is no fault of the candidate"),
        (PROMOTE, {"serving": 0, "index": 3}, "AwaitingPerson", 3, "it does not answer either"),
    ],
)
def test_who_takes_over_from_a_stable_that_is_down(
    policy: str, parts: Any, reason: str, step: int, why: str
) -> None:
    plan = decide(seen(policy, **parts), NOW)
    assert plan.status is not None
    assert (condition(plan.status, "Ready")[1], plan.status["step"]["index"]) == (reason, step), why
    assert "quarantine" not in plan.status, why


def test_a_candidate_that_fails_is_given_up_beside_a_stable_that_is_down_too() -> None:
    plan = decide(seen(PROMOTE, verdict=Verdict.FAIL), NOW)
    assert plan.status is not None
    assert plan.status["abort"]["reason"] == "AnalysisFailed"


def test_a_person_promotes_past_a_weight_that_cannot_be_set() -> None:
    asked = {"action": "promote", "revision": revision(2), "step": 0, "token": "t"}
    plan = decide(seen(HOLD, action=json.dumps(asked)), NOW)
    assert plan.status is not None
    assert plan.status["step"]["index"] == 4
    assert plan.status["lastAction"]["token"] == "t"
