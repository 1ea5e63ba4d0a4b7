"""Pods that follow the load: what an autoscaler has is never taken away, and each weight finds its pods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.effort import examples
from tests.unit.operator.gateway_world import TRAFFIC, GatewayWorld
from tests.unit.operator.samples import condition
from tests.unit.operator.test_deployment_convergence import PASS, STEPS, VERSIONS, rollback, to_version
from tests.unit.operator.test_gateway_convergence import GatewayMachine

from trimtab.apis.v1alpha1.deployment_status import StepStatus
from trimtab.deployment import autoscaling
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.revision import revision_of

REPLICAS, MOST = 2, 12
SERVING: dict[str, Any] = {
    "replicas": REPLICAS,
    "autoscaling": {"maxReplicas": MOST},
    "resources": {"requests": {"cpu": "1"}},
}
ROLLOUT = [{"weight": 20}, {"pause": {"for": "60s"}}, {"weight": 60}, {"pause": {"for": "60s"}}]


def autoscaled(steps: list[dict[str, Any]], load: int = REPLICAS, **rollout: Any) -> GatewayWorld:
    """Version 1 has all traffic, and the pods that its load takes."""
    spec = samples.spec(serving=SERVING, rollout={"steps": steps} | rollout, traffic=TRAFFIC)
    world = GatewayWorld(spec, VERSIONS)
    world.verdicts = (PASS,)
    world.settle()
    world.load(load)
    world.settle()
    assert world.status["phase"] == "Ready"
    assert pods(world, 1) == load
    return world


def pods(world: GatewayWorld, number: int) -> int:
    return world.workloads[samples.revision(number, world.spec)].replicas


def bounds(world: GatewayWorld) -> dict[str, tuple[int, int]]:
    """minReplicas and maxReplicas, by version."""
    names = {samples.revision(number, world.spec): f"v{number}" for number in (1, 2, 3)}
    specs = {names[revision]: found["spec"] for revision, found in world.autoscalers.items()}
    return {name: (spec["minReplicas"], spec["maxReplicas"]) for name, spec in specs.items()}


def go(world: GatewayWorld, passes: int, seconds: float = 2.0) -> None:
    for _ in range(passes):
        world.reconcile()
        world.control(ready=True)
        world.route()
        world.pass_time(seconds)


class AutoscaledMachine(GatewayMachine):
    @initialize(steps=st.integers(0, len(STEPS)), load=st.integers(REPLICAS, MOST))
    def begin(self, steps: int, load: int) -> None:  # type: ignore[override]
        self.world = autoscaled(STEPS[:steps], load)
        to_version(self.world, 2)

    @rule(pods=st.integers(1, 2 * MOST))
    def the_load_changes(self, pods: int) -> None:
        self.world.load(pods)

    @rule()
    def autoscaling_is_removed(self) -> None:
        """As the schema lets it: with as many replicas as serve."""
        serving = {
            "replicas": max(REPLICAS, self.world.status.get("replicas", 0)),
            "resources": SERVING["resources"],
        }
        self.world.change_spec(serving=serving)

    @rule()
    def autoscaling_is_added(self) -> None:
        self.world.change_spec(serving=SERVING)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        super().teardown()
        stable = self.world.status["stable"]["revision"]
        asked = self.world.spec.serving.autoscaling is not None
        assert set(self.world.autoscalers) == ({stable} if asked else set())


TestAutoscaled = AutoscaledMachine.TestCase
TestAutoscaled.settings = examples(8, steps=16)


def test_a_candidate_starts_with_its_share_of_what_the_load_takes() -> None:
    world = autoscaled(ROLLOUT, load=10)
    assert bounds(world) == {"v1": (REPLICAS, MOST)}
    to_version(world, 2)
    go(world, 8)
    assert (world.status["step"]["index"], world.status["step"]["pods"]) == (1, 10)
    assert (pods(world, 1), pods(world, 2)) == (10, 2)
    assert bounds(world) == {"v1": (10, MOST), "v2": (2, MOST)}, "an abort finds the pods that it needs"
    world.load(1)
    go(world, 40)
    assert (world.status["step"]["index"], pods(world, 1), pods(world, 2)) == (3, 10, 6)
    assert bounds(world)["v2"] == (6, MOST)
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v2"
    assert bounds(world) == {"v2": (REPLICAS, MOST)}, "from now on the load alone decides"
    assert pods(world, 2) == 10


def test_a_load_that_grows_in_a_step_counts_in_the_next() -> None:
    world = autoscaled(ROLLOUT, load=5)
    to_version(world, 2)
    go(world, 8)
    assert bounds(world) == {"v1": (5, MOST), "v2": (1, MOST)}
    world.load(8)  # stable: 8 pods for 80 percent
    go(world, 40)
    assert world.status["step"]["pods"] == 12, "8 / 0.8 = 10 by stable, 8 / 0.2 by the candidate, at most 12"
    assert bounds(world)["v2"] == (8, MOST)


@pytest.mark.parametrize(
    ("stable", "candidate", "expected", "why"),
    [
        (10, 2, 10, "as many as they were given"),
        (12, 2, 15, "stable takes 12 for 80 percent"),
        (10, 4, 20, "the candidate takes 4 for 20 percent"),
        (10, 9, 20, "never more than maxReplicas"),
        (8, 1, 10, "pods that are missing are no sign of less load"),
    ],
)
def test_what_all_of_the_traffic_takes(stable: int, candidate: int, expected: int, why: str) -> None:
    spec = samples.spec(serving=SERVING | {"autoscaling": {"maxReplicas": 20}}, traffic=TRAFFIC)
    one, two = (replace_revision(samples.side(n), spec) for n in (1, 2))
    status = samples.DeploymentStatus(
        stable=one, candidate=two, step=StepStatus(index=0, started_at=samples.NOW, pods=10)
    )
    workloads = {
        side.revision: replace(samples.workload(n, size, ready=size), revision=side.revision)
        for n, side, size in ((1, one, stable), (2, two, candidate))
    }
    observed = samples.observed(status, of=spec, workloads=workloads)
    assert autoscaling.latched(observed, two, 20) == expected, why


def replace_revision(side: Any, spec: Any) -> Any:
    return side.model_copy(update={"revision": revision_of(side.digest, spec.serving)})


def test_an_abort_takes_the_candidates_autoscaler_before_its_pods() -> None:
    world = autoscaled(ROLLOUT, load=10)
    to_version(world, 2)
    go(world, 8)
    world.verdicts = (MetricVerdict("errors", Verdict.FAIL, True, message="9 of 10"),)
    world.reconcile()
    assert set(bounds(world)) == {"v1"}
    assert (pods(world, 1), pods(world, 2)) == (10, 2)
    world.settle()
    assert world.status["phase"] == "Aborted"
    assert (pods(world, 1), bounds(world)) == (10, {"v1": (REPLICAS, MOST)})
    assert list(world.workloads) == [samples.revision(1, world.spec)]


def test_a_candidate_that_is_dropped_leaves_when_stable_has_all_of_its_own_pods() -> None:
    world = autoscaled(ROLLOUT, load=11)
    to_version(world, 2)
    go(world, 8)
    to_version(world, 1)
    world.settle()
    assert list(world.workloads) == [samples.revision(1, world.spec)], "at most 12, and 11 + 3 answer"
    assert world.weights == {samples.revision(1, world.spec): 100}


def test_a_rollback_goes_back_to_as_many_pods_as_answer_now() -> None:
    world = autoscaled(ROLLOUT[:1], load=4)
    to_version(world, 2)
    world.settle()
    world.load(9)
    world.settle()
    back = samples.revision(1, world.spec)
    rollback(world)
    for _ in range(60):
        before = dict(world.data_plane)
        go(world, 1)
        if world.data_plane != before and world.data_plane == {back: 100}:
            assert len(world.behind & {pod.name for pod in world.workloads[back].pods}) == 9
    assert world.data_plane == {back: 100}
    assert (pods(world, 1), bounds(world)) == (9, {"v1": (REPLICAS, MOST)})


def test_a_warm_revision_has_no_autoscaler() -> None:
    world = autoscaled(ROLLOUT[:1], load=6, probation={"for": "1h", "keepWarm": 1})
    to_version(world, 2)
    go(world, 60)
    assert world.status["probation"]
    assert (pods(world, 1), pods(world, 2)) == (1, 6)
    assert bounds(world) == {"v2": (REPLICAS, MOST)}


def test_adding_and_removing_takes_no_pod_away() -> None:
    world = autoscaled(ROLLOUT, load=7)
    world.change_spec(serving=SERVING | {"autoscaling": None, "replicas": 7})
    world.settle()
    assert (bounds(world), pods(world, 1)) == ({}, 7)
    world.change_spec(serving=SERVING)
    world.settle()
    assert (bounds(world), pods(world, 1)) == ({"v1": (REPLICAS, MOST)}, 7)
    assert samples.revision(1, world.spec) == world.status["stable"]["revision"], "no revision of its own"


def test_an_autoscaler_that_cannot_count_is_said() -> None:
    world = autoscaled(ROLLOUT)
    (only,) = world.autoscalers.values()
    only["status"] = {
        "conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"}]
    }
    world.settle()
    assert condition(world.status, "Ready") == ("True", "Serving")
    message = world.status["conditions"][0]["message"]
    assert message == (
        "churn-v1 serves with 2 to 12 pods; pods do not follow the load: FailedGetResourceMetric"
    )
