"""With a Gateway that is late, refuses, or is edited by others: traffic is safe, and all comes to rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.effort import examples
from tests.unit.operator.gateway_world import TRAFFIC, GatewayWorld
from tests.unit.operator.test_deployment_convergence import (
    PASS,
    STEPS,
    VERSIONS,
    DeploymentMachine,
    rollback,
    to_version,
)

from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.traffic.routing import Mirror, mirror_of

SHADOW: list[dict[str, Any]] = [{"shadow": {"percent": 20}}, {"pause": {"for": "10s"}}]


def serving_one(steps: list[dict[str, Any]], replicas: int = 4) -> GatewayWorld:
    """Version 1 has all traffic."""
    spec = samples.spec(serving={"replicas": replicas}, rollout={"steps": steps}, traffic=TRAFFIC)
    world = GatewayWorld(spec, VERSIONS)
    world.verdicts = (PASS,)
    world.settle()
    assert world.status["phase"] == "Ready"
    assert world.weights == {samples.revision(1, world.spec): 100}
    return world


class GatewayMachine(DeploymentMachine):
    world: GatewayWorld

    @initialize(
        steps=st.integers(0, len(STEPS)), replicas=st.sampled_from([2, 4]), shadow=st.sampled_from([0, 1, 2])
    )
    def begin(self, steps: int, replicas: int, shadow: int) -> None:
        self.world = serving_one([*SHADOW[:shadow], *STEPS[:steps]], replicas)
        to_version(self.world, 2)

    @rule(text=st.sampled_from(["", "no listener allows it"]))
    def the_gateway_changes_its_mind(self, text: str) -> None:
        self.world.refuses = text

    @rule(text=st.sampled_from(["", "RequestMirror is not supported"]))
    def the_gateway_learns_to_copy_or_forgets_it(self, text: str) -> None:
        self.world.copies_nothing = text

    @rule(first=st.sampled_from([0, 30, 100]))
    def somebody_edits_the_route(self, first: int) -> None:
        revisions = sorted(self.world.workloads)[:2]
        self.world.edit_route(dict(zip(revisions, (first, 100 - first), strict=False)))

    @rule()
    def somebody_deletes_the_route(self) -> None:
        self.world.http_route = None
        self.world.edited = True

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.refuses = self.world.copies_nothing = ""
        super().teardown()
        stable = self.world.status["stable"]["revision"]
        assert self.world.weights == self.world.data_plane == {stable: 100}
        assert set(self.world.services) == {stable}
        assert self.world.probe is None


TestGateway = GatewayMachine.TestCase
TestGateway.settings = examples(8, steps=16)


def test_the_plain_rollout_gives_the_weights_in_order_and_stable_stays_whole() -> None:
    world = serving_one(STEPS, 4)
    to_version(world, 2)
    new = samples.revision(2, world.spec)
    old = samples.revision(1, world.spec)
    weights: list[int] = []
    for _ in range(80):
        world.reconcile()
        world.control(ready=True)
        world.route()
        if world.data_plane.get(old):
            assert len(world.workloads[old].pods) == 4, "an abort must find all of stable's pods"
        assert sum(len(w.pods) for w in world.workloads.values()) <= 8
        world.pass_time(2)
        weights.append(world.data_plane.get(new, 0))
    asked = [0, *(step["weight"] for step in STEPS if "weight" in step), 100]
    assert [w for i, w in enumerate(weights) if i == 0 or weights[i - 1] != w] == asked
    assert world.status["stable"]["modelVersion"] == "churn-v2"
    assert world.status["phase"] == "Ready"
    assert world.selected(world.service) == {new}


def test_a_failed_verdict_sends_traffic_back_in_the_same_pass() -> None:
    world = serving_one(STEPS, 4)
    to_version(world, 2)
    world.verdicts = (MetricVerdict("errors", Verdict.INCONCLUSIVE, True),)
    for _ in range(10):
        world.reconcile()
        world.control(ready=True)
        world.route()
    assert (world.status["step"]["index"], world.status["weight"]["applied"]) == (1, 20)
    world.verdicts = (MetricVerdict("errors", Verdict.FAIL, True, message="9 of 10"),)
    world.reconcile()
    assert world.status["abort"]["reason"] == "AnalysisFailed"
    assert world.weights == {samples.revision(1, world.spec): 100}
    assert world.workloads[samples.revision(2, world.spec)].replicas == 1, "its pods wait for the Gateway"
    world.settle()
    assert world.status["phase"] == "Aborted"


def test_a_rollback_waits_for_endpoints_and_moves_traffic_once() -> None:
    world = serving_one(STEPS[:1], 4)
    to_version(world, 2)
    world.settle()
    left, back = samples.revision(2, world.spec), samples.revision(1, world.spec)
    rollback(world)
    moves = [world.data_plane]
    for _ in range(60):
        world.reconcile()
        world.control(ready=True)
        world.route()
        if world.data_plane != moves[-1]:
            moves.append(world.data_plane)
            assert len(world.behind & {pod.name for pod in world.workloads[back].pods}) == 4
        world.pass_time(2)
    assert moves == [{left: 100}, {back: 100}]
    assert (list(world.workloads), list(world.services)) == ([back], [back])
    assert world.selected(world.service) == {back}


def test_a_gateway_that_refuses_stops_the_rollout_and_is_quoted() -> None:
    world = serving_one(STEPS, 4)
    to_version(world, 2)
    world.refuses = "no listener allows it"
    for _ in range(10):
        world.reconcile()
        world.control(ready=True)
        world.route()
    ready = world.status["conditions"][0]
    assert (ready["reason"], world.status["step"]["index"]) == ("RouteNotAccepted", 0)
    assert "no listener allows it" in ready["message"]
    assert world.status["weight"]["applied"] == 0, "nothing is believed that is not confirmed"
    world.refuses = ""
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v2"


def test_a_crash_after_any_write_of_a_rollout_leads_to_the_same_end() -> None:
    def run(dies_after: int | None) -> GatewayWorld:
        world = serving_one(STEPS[:3], 4)
        to_version(world, 2)
        start = world.writes
        for _ in range(60):
            left = None if dies_after is None else dies_after - (world.writes - start)
            world.reconcile(crash_after=left)
            if left is not None and left <= world.writes - start:
                dies_after = None
            world.control(ready=True)
            world.route()
            world.pass_time(10)
        world.settle()
        return world

    calm = run(None)
    for write in range(0, calm.writes, 3):
        world = run(write)
        assert world.status["stable"]["modelVersion"] == "churn-v2"
        assert (list(world.workloads), list(world.services)) == (list(calm.workloads), list(calm.services))


@pytest.mark.parametrize("back", [False, True], ids=["to a Gateway", "from a Gateway"])
def test_the_provider_may_change_in_the_middle_of_a_canary(back: bool) -> None:
    providers = ({"provider": "ReplicaRatio"}, TRAFFIC)
    world = serving_one(STEPS, 4)
    world.change_spec(traffic=providers[back])
    world.settle()
    to_version(world, 2)
    for _ in range(12):
        world.reconcile()
        world.control(ready=True)
        world.route()
        world.pass_time(2)
    assert world.status["weight"]["desired"] >= 20
    world.change_spec(traffic=providers[not back])
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v2"
    assert bool(world.weights) is not back
    assert set(world.services) == (set() if back else {samples.revision(2, world.spec)})


def until_step(world: GatewayWorld, index: int) -> None:
    for _ in range(40):
        if world.status.get("step", {}).get("index") == index:
            return
        world.reconcile()
        world.control(ready=True)
        world.route()
        world.pass_time(2)
    raise AssertionError(f"step {index} was not reached: {world.status['conditions'][0]}")


def test_copies_come_before_the_first_weight_and_end_with_it() -> None:
    world = serving_one([*SHADOW, *STEPS], 4)
    old, new = samples.revision(1, world.spec), samples.revision(2, world.spec)
    to_version(world, 2)
    until_step(world, 1)
    assert world.weights == {old: 100}
    assert mirror_of(world.http_route, "churn") == Mirror(new, 20)
    assert world.probe is None, "it was answered"
    assert (len(world.workloads[old].pods), len(world.workloads[new].pods)) == (4, 1)
    assert world.status["weight"] == {"desired": 0, "applied": 0, "mirror": 20}
    until_step(world, 3)
    assert world.weights == {old: 80, new: 20}
    assert mirror_of(world.http_route, "churn") is None
    assert "mirror" not in world.status["weight"]
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v2"


def test_a_gateway_that_copies_nothing_is_quoted_and_the_candidate_does_not_pay_for_it() -> None:
    world = serving_one([*SHADOW, *STEPS], 4)
    world.copies_nothing = "RequestMirror is not supported"
    to_version(world, 2)
    for _ in range(600):
        world.reconcile()
        world.control(ready=True)
        world.route()
        world.pass_time(2)
    ready = world.status["conditions"][0]
    assert (ready["reason"], world.status["step"]["index"]) == ("MirrorNotAccepted", 0)
    assert "RequestMirror is not supported" in ready["message"]
    assert mirror_of(world.http_route, "churn") is None, "the route of clients was never touched"
    assert "quarantine" not in world.status
    world.change_spec(rollout={"steps": STEPS})
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v2"
    assert world.probe is None


def test_kinds_that_drop_the_percentage_copy_nothing() -> None:
    world = serving_one([*SHADOW, *STEPS], 4)
    to_version(world, 2)
    for _ in range(10):
        world.reconcile()
        world.control(ready=True)
        world.route()
        if world.probe is not None:
            del world.probe["spec"]["rules"][0]["filters"][0]["requestMirror"]["percent"]
    assert "percent: 100" in world.status["conditions"][0]["message"]
    assert mirror_of(world.http_route, "churn") is None


def test_an_abort_ends_the_copies_at_once() -> None:
    world = serving_one([*SHADOW, *STEPS], 4)
    to_version(world, 2)
    until_step(world, 1)
    world.verdicts = (MetricVerdict("errors", Verdict.FAIL, True, message="9 of 10"),)
    world.reconcile()
    assert world.status["abort"]["reason"] == "AnalysisFailed"
    assert mirror_of(world.http_route, "churn") is None
    world.settle()
    assert world.status["phase"] == "Aborted"
    assert set(world.services) == {samples.revision(1, world.spec)}


@pytest.mark.parametrize(
    ("features", "percent", "said"),
    [
        (["HTTPRoute"], 20, "HTTPRouteRequestPercentageMirror"),
        (["HTTPRoute", "HTTPRouteRequestMirror"], 20, "HTTPRouteRequestPercentageMirror"),
        (["HTTPRoute", "HTTPRouteRequestMirror"], 100, ""),
        (["HTTPRoute"], 100, "HTTPRouteRequestMirror"),
        (["HTTPRouteRequestPercentageMirror"], 20, ""),
        ([], 20, ""),
    ],
)
def test_a_class_that_lists_what_it_supports_is_believed(
    features: list[str], percent: int, said: str
) -> None:
    """Such a controller may accept the probe all the same, and answer requests with 500."""
    world = serving_one([{"shadow": {"percent": percent}}, {"pause": {"for": "1h"}}], 4)
    world.classes = [gateway_class("played", features), gateway_class("another", ["HTTPRoute"])]
    to_version(world, 2)
    for _ in range(20):
        world.reconcile()
        world.control(ready=True)
        world.route()
        assert not said or world.probe is None, "there is no need to ask"
        world.pass_time(2)
    shown = world.status["conditions"][0]
    assert (mirror_of(world.http_route, "churn") is None) == bool(said)
    assert (shown["reason"] == "MirrorNotAccepted") == bool(said)
    assert not said or f" {said} " in shown["message"]


def test_another_gateway_is_asked_before_it_copies() -> None:
    world = serving_one([{"shadow": {"percent": 20}}, {"pause": {"for": "1h"}}], 4)
    to_version(world, 2)
    until_step(world, 1)
    assert mirror_of(world.http_route, "churn") is not None
    world.change_spec(traffic={**TRAFFIC, "gatewayRef": {"name": "other"}})
    world.reconcile()
    assert mirror_of(world.http_route, "churn") is None
    assert world.http_route is not None
    assert world.http_route["spec"]["parentRefs"][0]["name"] == "other"


def gateway_class(controller: str, features: list[str]) -> dict[str, Any]:
    return {
        "metadata": {"name": f"of-{controller}"},
        "spec": {"controllerName": controller},
        "status": {"supportedFeatures": [{"name": name} for name in features]},
    }
