"""After a promotion: who keeps pods, what is watched, what leads back, and what ends it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_world import Workload, World
from tests.unit.operator.effort import examples

from trimtab.deployment import probation
from trimtab.deployment.decide import decide
from trimtab.deployment.observed import DeploymentObserved, PodObserved
from trimtab.stats.evidence import add_interval, error_limits, no_evidence
from trimtab.stats.ratios import SideCounts

VERSIONS = tuple(samples.version(number) for number in (1, 2, 3))
NONE = SideCounts(0, 0)
MEASURED = SideCounts(2000, 0)
ERRORS = {"name": "errors", "preset": "errorRate"}
TRIAL = {"for": "1h", "keepWarm": 1}


def rate(*, stable: SideCounts = NONE, candidate: SideCounts = NONE) -> Any:
    return add_interval(no_evidence(error_limits()), stable=stable, candidate=candidate)


def a_pass(world: World) -> None:
    world.reconcile()
    world.control(ready=True)
    world.route()


def on_probation(before: SideCounts | None = MEASURED, **rollout: Any) -> World:
    """Version 2 has just been promoted from a canary with 4 pods beside version 1."""
    settings = {
        "steps": [{"weight": 50}, {"pause": {"for": "10s"}}],
        "analysis": {"metrics": [ERRORS]},
        "probation": TRIAL,
    }
    world = World(samples.spec(serving={"replicas": 4}, rollout=settings | rollout), VERSIONS[:1])
    world.settle()
    world.versions = VERSIONS[:2]
    world.change_spec(model={"name": "churn", "version": 2})
    world.rates = {} if before is None else {"errors": rate(stable=before)}
    for _ in range(40):
        a_pass(world)
        world.pass_time(1)
    world.rates = {}
    assert world.status["stable"]["modelVersion"] == "churn-v2"
    return world


def pods(world: World) -> dict[str, int]:
    """Pods by version."""
    named = {side["revision"]: side["modelVersion"] for side in sides(world)}
    return {named.get(revision, revision): w.replicas for revision, w in world.workloads.items()}


def sides(world: World) -> list[dict[str, Any]]:
    return [world.status[role] for role in ("stable", "lastGood") if role in world.status]


def good(world: World) -> Workload:
    return world.workloads[world.status["lastGood"]["revision"]]


def reasons(world: World) -> list[str]:
    return [entry["reason"] for entry in world.status["history"]]


def ready(world: World) -> dict[str, str]:
    found: dict[str, str] = next(c for c in world.status["conditions"] if c["type"] == "Ready")
    return found


@pytest.mark.parametrize(
    ("rollout", "expected", "why"),
    [
        ({}, {"churn-v2": 4, "churn-v1": 1}, "one warm pod is the default"),
        ({"probation": {"for": "1h", "keepWarm": 0}}, {"churn-v2": 4, "churn-v1": 0}, "no pod is warm"),
        ({"probation": {"for": "1h", "keepWarm": 9}}, {"churn-v2": 4, "churn-v1": 4}, "at most replicas"),
        ({"probation": None}, {"churn-v2": 4}, "without probation they go"),
    ],
)
def test_the_revision_before_keeps_some_pods_outside_the_service(
    rollout: dict[str, Any], expected: dict[str, int], why: str
) -> None:
    world = on_probation(**rollout)
    assert pods(world) == expected, why
    assert len(world.endpoints) == 4
    assert ready(world)["status"] == "True"
    assert ("on probation" in ready(world)["message"]) == (rollout.get("probation", TRIAL) is not None)


def test_when_the_time_is_over_the_pods_go_and_history_says_so() -> None:
    world = on_probation()
    world.pass_time(3500)
    a_pass(world)
    assert "probation" in world.status
    world.pass_time(100)
    world.settle()
    assert "probation" not in world.status
    assert pods(world) == {"churn-v2": 4}
    assert world.status["lastGood"]["modelVersion"] == "churn-v1", "a person may still go back"
    assert reasons(world)[-1] == "ProbationPassed"


def test_time_stands_still_while_metrics_cannot_be_read() -> None:
    world = on_probation()
    world.metrics_problem = "pod a: refused"
    world.pass_time(7200)
    a_pass(world)
    assert "probation" in world.status
    unread = next(c for c in world.status["conditions"] if c["type"] == "MetricsAvailable")
    assert (unread["status"], ready(world)["status"]) == ("False", "True")


def test_a_checkpoint_that_cannot_be_read_is_said_and_hides_no_crash_loop() -> None:
    world = on_probation()
    seen = replace(world.observe(), evidence=None, metrics_problem="the evidence checkpoint cannot be read")
    plan = decide(seen, world.now)
    assert plan.status is not None
    unread = next(c for c in plan.status["conditions"] if c["type"] == "MetricsAvailable")
    assert (unread["status"], unread["message"]) == ("False", seen.metrics_problem)
    assert "probation" in plan.status
    crashing = decide(with_restarts(seen, 3), world.now)
    assert crashing.status is not None
    assert crashing.status["rollback"]["reason"] == "ProbationFailed"


def fail(world: World, reason: str = "ProbationFailed") -> None:
    """It is left for version 1, with no gap in between."""
    for _ in range(20):
        a_pass(world)
        assert len(world.endpoints) >= 1
    assert world.status["stable"]["modelVersion"] == "churn-v1"
    assert pods(world) == {"churn-v1": 4}
    (entry,) = world.status["quarantine"]
    assert (entry["modelVersion"], entry["reason"]) == ("churn-v2", reason)
    assert reasons(world)[-2:] == ["RollingBack", "RolledBack"]
    assert "probation" not in world.status


@pytest.mark.parametrize(
    ("before", "limit", "why"),
    [
        (SideCounts(100_000, 0), 0.005, "what the metric allows"),
        (SideCounts(100_000, 3000), 0.06, "twice what stable had: a service that errs may go on erring"),
        (SideCounts(50, 0), 0.12, "few requests say little of stable"),
        (None, None, "nothing was measured: nothing is held against it"),
    ],
)
def test_the_limit_is_what_the_metric_allows_or_what_stable_had(
    before: SideCounts | None, limit: float | None, why: str
) -> None:
    world = on_probation(before)
    limits = world.status["probation"].get("limits", [])
    if limit is None:
        assert limits == [], why
        return
    (found,) = limits
    assert found["metric"] == "errors"
    assert float(found["share"]) == pytest.approx(limit, rel=0.2), why


def test_errors_beyond_the_limit_lead_back() -> None:
    world = on_probation()
    world.rates = {"errors": rate(candidate=SideCounts(1000, 4))}
    a_pass(world)
    assert "rollback" not in world.status, "0.4 % are allowed"
    world.rates = {"errors": rate(candidate=SideCounts(1200, 40))}
    fail(world)
    assert world.status["quarantine"][0]["message"].startswith("errors: 3.33 % of 1200, and 0.50 % are")


def test_errors_are_not_held_against_it_if_the_metric_only_observes_now() -> None:
    world = on_probation()
    world.change_spec(rollout={"probation": TRIAL, "analysis": {"metrics": [ERRORS | {"onFail": "Observe"}]}})
    world.rates = {"errors": rate(candidate=SideCounts(1200, 400))}
    for _ in range(3):
        a_pass(world)
    assert world.status["stable"]["modelVersion"] == "churn-v2"


def with_restarts(observed: DeploymentObserved, restarts: int) -> DeploymentObserved:
    stable = observed.status.stable
    assert stable is not None
    workload = observed.workloads[stable.revision]
    restarted: tuple[PodObserved, ...] = (replace(workload.pods[0], restarts=restarts), *workload.pods[1:])
    changed = {**observed.workloads, stable.revision: replace(workload, pods=restarted)}
    return replace(observed, workloads=changed)


@pytest.mark.parametrize(("restarts", "left"), [(1, False), (2, False), (3, True)])
def test_a_container_that_restarts_again_and_again_leads_back(restarts: int, left: bool) -> None:
    world = on_probation()
    plan = decide(with_restarts(world.observe(), restarts), world.now)
    assert (plan.status is not None and "rollback" in plan.status) == left


def test_when_none_is_ready_it_is_left_only_if_a_warm_pod_is() -> None:
    world = on_probation()
    world.stable_down_seconds = 16.0
    for pod in good(world).pods:
        pod.ready = False
    world.control(ready=False)
    world.reconcile()
    assert "rollback" not in world.status, "it may be the cluster"
    world.control(ready=True)
    world.route()
    fail(world)


def test_a_new_revision_ends_it_and_a_person_may_go_back_meanwhile() -> None:
    world = on_probation()
    world.versions = VERSIONS
    world.change_spec(model={"name": "churn", "version": 3})
    for _ in range(5):
        a_pass(world)
    assert world.status["candidate"]["modelVersion"] == "churn-v3"
    assert "probation" not in world.status
    assert world.status["lastGood"]["modelVersion"] == "churn-v1"

    other = on_probation()
    about = {"revision": other.status["stable"]["revision"], "to": other.status["lastGood"]["revision"]}
    other.action = json.dumps({"action": "rollback", "token": "r-1", "by": "ann"} | about)
    fail(other, "RolledBackByPerson")


def test_it_ends_without_a_word_when_the_spec_no_longer_asks_for_it() -> None:
    world = on_probation()
    world.change_spec(rollout={})
    world.settle()
    assert "probation" not in world.status
    assert pods(world) == {"churn-v2": 4}
    assert reasons(world)[-1] == "Promoted"


@examples(20)
@given(
    crash=st.integers(0, 12),
    seconds=st.lists(st.integers(1, 2000), min_size=1, max_size=8),
    bad=st.booleans(),
)
def test_a_crash_at_any_write_changes_nothing_of_the_end(crash: int, seconds: list[int], bad: bool) -> None:
    def run(dies_after: int | None) -> Any:
        world = on_probation()
        if bad:
            world.rates = {"errors": rate(candidate=SideCounts(1200, 40))}
        world.reconcile(crash_after=dies_after)
        for passed in seconds:
            a_pass(world)
            world.pass_time(passed)
        for _ in range(12):
            a_pass(world)
            world.pass_time(600)
        world.settle()
        status = world.status
        return status["stable"]["modelVersion"], pods(world), reasons(world), "probation" in status

    assert run(crash) == run(None)


def test_who_is_judged() -> None:
    world = on_probation()
    status = world.typed
    assert status.stable is not None
    assert probation.judged_sides(status) == {"candidate": status.stable}
    assert probation.judged_sides(status.model_copy(update={"probation": None})) == {}


DELAY: dict[str, Any] = {"probation": None, "scaleDownDelay": "5m"}


def test_the_pods_of_the_revision_before_stay_for_the_delay() -> None:
    world = on_probation(**DELAY)
    assert pods(world) == {"churn-v2": 4, "churn-v1": 4}
    assert len(world.endpoints) == 4
    assert ready(world)["status"] == "True"
    world.pass_time(301)
    world.settle()
    assert pods(world) == {"churn-v2": 4}
    assert "scaleDownAt" not in world.status


def test_the_delay_ends_before_the_probation_and_leaves_its_warm_pods() -> None:
    world = on_probation(scaleDownDelay="5m")
    assert pods(world) == {"churn-v2": 4, "churn-v1": 4}
    world.pass_time(301)
    for _ in range(4):
        a_pass(world)
    assert pods(world) == {"churn-v2": 4, "churn-v1": 1}
    assert "probation" in world.status


def test_within_the_delay_a_rollback_takes_one_pass() -> None:
    world = on_probation(**DELAY)
    about = {"revision": world.status["stable"]["revision"], "to": world.status["lastGood"]["revision"]}
    world.action = json.dumps({"action": "rollback", "token": "r-1", "by": "ann"} | about)
    a_pass(world)
    a_pass(world)
    assert world.status["stable"]["modelVersion"] == "churn-v1"
    fail(world, "RolledBackByPerson")


def test_a_new_revision_ends_the_delay_and_its_pods_are_no_third_side() -> None:
    world = on_probation(**DELAY)
    world.versions = VERSIONS
    world.change_spec(model={"name": "churn", "version": 3})
    for _ in range(60):
        a_pass(world)
        world.pass_time(1)
    assert world.status["stable"]["modelVersion"] == "churn-v3"
    assert pods(world) == {"churn-v3": 4, "churn-v2": 4}


def test_a_delay_that_is_no_longer_asked_for_is_over() -> None:
    world = on_probation(**DELAY)
    world.change_spec(rollout={})
    world.settle()
    assert pods(world) == {"churn-v2": 4}
