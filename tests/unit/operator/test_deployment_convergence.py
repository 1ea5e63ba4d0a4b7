"""Whatever happens to pods, endpoints, verdicts and the process: traffic is safe, and all comes to rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_world import World
from tests.unit.operator.effort import examples
from tests.unit.operator.schema_limits import assert_storable

from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.traffic.capacity import ceiling

STEPS: list[dict[str, Any]] = [
    {"weight": 20},
    {"analyze": {"minSamples": 10, "maxDuration": "30s"}},
    {"weight": 50},
    {"pause": {"for": "20s"}},
    {"weight": 80},
    {"pause": {"for": "5s"}},
    {"weight": 90},
]
VERSIONS = tuple(samples.version(number) for number in (1, 2, 3))
SECONDS = st.sampled_from([0, 15])
INPUTS = ["version 1", "version 2", "version 3", "more pods", "other pods", "metrics", "freeze"]
PASS = MetricVerdict("errors", Verdict.PASS, True)


def spec(steps: list[dict[str, Any]], replicas: int = 4) -> Any:
    return samples.spec(serving={"replicas": replicas}, rollout={"steps": steps})


def serving_one(steps: list[dict[str, Any]], replicas: int = 4) -> World:
    """Version 1 has all traffic."""
    world = World(spec(steps, replicas), VERSIONS)
    world.verdicts = (PASS,)
    world.settle()
    assert world.status["phase"] == "Ready"
    assert len(world.endpoints) == replicas
    return world


def to_version(world: World, number: int) -> None:
    world.change_spec(model={"name": "churn", "version": number})


def freeze(world: World, frozen: bool) -> None:
    world.change_spec(rollout={**world.spec.rollout.to_wire(), "freeze": frozen})


def rollback(world: World) -> None:
    status = world.status
    asked = {"revision": status["stable"]["revision"], "to": status["lastGood"]["revision"], "by": "ann"}
    token = f"rollback-{world.now.timestamp()}"
    world.action = json.dumps({"action": "rollback", "token": token, **asked})


def work(world: World, passes: int = 12) -> None:
    """What a rollout that waits for a person never stops to do: it saves its evidence."""
    for _ in range(passes):
        world.reconcile()
        world.control(ready=True)
        world.route()
        world.pass_time(10)


class DeploymentMachine(RuleBasedStateMachine):
    world: World

    @initialize(steps=st.integers(0, len(STEPS)), replicas=st.sampled_from([4, 5]))
    def begin(self, steps: int, replicas: int) -> None:
        self.world = serving_one(STEPS[:steps], replicas)
        to_version(self.world, 2)

    @rule(passes=st.integers(1, 3), ready=st.booleans(), routed=st.booleans(), seconds=SECONDS)
    def work(self, passes: int, ready: bool, routed: bool, seconds: int) -> None:
        for _ in range(passes):
            self.world.reconcile()
            self.world.control(ready=ready)
            if routed:
                self.world.route()
            self.world.pass_time(seconds)

    @rule(writes=st.integers(0, 4))
    def die(self, writes: int) -> None:
        self.world.reconcile(crash_after=writes)

    @rule(verdict=st.sampled_from(list(Verdict)), aborts=st.booleans())
    def judge(self, verdict: Verdict, aborts: bool) -> None:
        self.world.verdicts = (MetricVerdict("errors", verdict, aborts, message=str(verdict)),)

    @rule(what=st.sampled_from(INPUTS))
    def inputs_change(self, what: str) -> None:
        world = self.world
        match what.split():
            case ["version", number]:
                to_version(world, int(number))
            case ["more", _]:
                world.change_spec(serving={**world.spec.serving.to_wire(), "replicas": 5})
            case ["freeze"]:
                freeze(world, not world.spec.rollout.freeze)
            case ["other", _]:
                env = [{"name": "GENERATION", "value": str(world.generation)}]
                world.change_spec(serving={**world.spec.serving.to_wire(), "env": env})
            case _:
                world.metrics_problem = "" if world.metrics_problem else "no page"

    @precondition(lambda self: self.world.status.get("step"))
    @rule(action=st.sampled_from(["promote", "abort"]), late=st.booleans())
    def somebody_acts(self, action: str, late: bool) -> None:
        status = self.world.status
        step = status["step"]["index"] + late
        revision = status.get("candidate", {}).get("revision", "")
        token = f"{action}-{self.world.now.timestamp()}"
        self.world.action = json.dumps({"action": action, "revision": revision, "step": step, "token": token})

    @precondition(lambda self: self.world.status.get("quarantine"))
    @rule(pick=st.integers(0, 3), known=st.booleans())
    def somebody_retries(self, pick: int, known: bool) -> None:
        entries = self.world.status["quarantine"]
        revision = entries[pick % len(entries)]["revision"] if known else "0" * 8
        token = f"retry-{self.world.now.timestamp()}"
        self.world.action = json.dumps({"action": "retry", "revision": revision, "token": token})

    @precondition(lambda self: self.world.status.get("lastGood"))
    @rule()
    def somebody_rolls_back(self) -> None:
        rollback(self.world)

    @rule(pick=st.integers(0, 9))
    def somebody_deletes_a_record(self, pick: int) -> None:
        """Of pods that are there, and stay until they have been looked at."""
        world = self.world
        there = sorted(r for r, w in world.workloads.items() if not w.deleting and r in world.records)
        if there:
            del world.records[there[pick % len(there)]]
            world.reconcile()

    @rule(what=st.sampled_from(["service", "workload"]), pick=st.integers(0, 9))
    def somebody_deletes(self, what: str, pick: int) -> None:
        world = self.world
        if what == "service":
            world.service = None
        elif world.workloads:
            del world.workloads[sorted(world.workloads)[pick % len(world.workloads)]]
        world.pods_fail = True  # from here on there may be moments without a ready pod
        world.endpoints &= {pod.name for w in world.workloads.values() for pod in w.pods}

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.verdicts, world.metrics_problem, world.action = (PASS,), "", ""
        freeze(world, False)
        world.settle()
        assert_storable("Deployment", world.status)
        status = world.status
        stable = status["stable"]["revision"]
        assert world.selected(world.service) == {stable}
        assert world.spec.serving.replicas <= len(world.endpoints) <= ceiling(world.spec)
        assert list(world.workloads) == [stable], "what has no role is gone"
        assert list(world.budgets) == [stable]
        known = [status[key]["revision"] for key in ("stable", "lastGood") if key in status]
        known += [side["revision"] for side in status.get("olderGood", ())]
        assert set(world.records) <= set(known), "records of what failed, or served too long ago, are gone"
        assert len(known) == len(set(known)) <= 4
        assert not {"candidate", "abort", "rollback", "step", "weight"} & status.keys()
        wanted = samples.revision(world.spec.model.version or 0, world.spec)
        assert status["phase"] == ("Ready" if stable == wanted else "Aborted")


TestDeployment = DeploymentMachine.TestCase
TestDeployment.settings = examples(8, steps=16)


def test_the_plain_rollout_never_has_fewer_pods_than_asked_for() -> None:
    world = serving_one(STEPS, 5)
    to_version(world, 2)
    weights: list[int] = []
    for _ in range(60):
        world.reconcile()
        assert len(world.endpoints) >= 5
        world.control(ready=True)
        assert len(world.endpoints) >= 5, "a pod was taken away before its replacement had traffic"
        assert sum(len(w.pods) for w in world.workloads.values()) <= 10
        world.route()
        world.pass_time(10)
        weights.append(world.status.get("weight", {}).get("desired", 0))
    assert [w for i, w in enumerate(weights) if i == 0 or weights[i - 1] != w] == [0, 20, 50, 80, 90, 0]
    assert world.status["stable"]["modelVersion"] == "churn-v2"
    assert world.status["phase"] == "Ready"
    assert [entry["reason"] for entry in world.status["history"]][-2:] == ["WeightApplied", "Promoted"]


def test_a_frozen_rollout_keeps_its_weight_and_may_still_be_aborted() -> None:
    world = serving_one(STEPS, 4)
    to_version(world, 2)
    world.verdicts = (MetricVerdict("errors", Verdict.INCONCLUSIVE, True),)
    work(world)
    freeze(world, True)
    world.verdicts = (PASS,)
    work(world)
    assert (world.status["phase"], world.status["step"]["index"]) == ("Paused", 1)
    assert len(world.endpoints) == 5, "the pods of weight 20, behind the Service"
    to_version(world, 3)
    work(world)
    assert world.status["candidate"]["modelVersion"] == "churn-v2", "nothing new begins"
    world.verdicts = (MetricVerdict("errors", Verdict.FAIL, True, message="9 of 10"),)
    world.settle()
    assert world.selected(world.service) == {samples.revision(1, world.spec)}
    assert [q["modelVersion"] for q in world.status["quarantine"]] == ["churn-v2"]
    assert "candidate" not in world.status
    world.verdicts = (PASS,)
    freeze(world, False)
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v3"


def test_a_first_version_is_not_held_by_a_freeze() -> None:
    world = World(spec(STEPS), VERSIONS)
    freeze(world, True)
    world.settle()
    assert world.status["phase"] == "Ready"


def test_what_failed_is_tried_again_when_somebody_lifts_the_quarantine() -> None:
    world = serving_one(STEPS, 4)
    to_version(world, 2)
    world.verdicts = (MetricVerdict("errors", Verdict.FAIL, True, message="9 of 10"),)
    world.settle()
    assert world.status["phase"] == "Aborted"
    world.verdicts = (PASS,)
    failed = world.status["quarantine"][0]["revision"]
    world.action = json.dumps({"action": "retry", "revision": failed, "token": "r", "by": "ann"})
    world.settle()
    assert world.status["stable"]["revision"] == failed
    assert "quarantine" not in world.status
    lifted = [entry for entry in world.status["history"] if entry["reason"] == "QuarantineLifted"]
    assert len(lifted) == 1, "a token is carried out once"
    assert world.status["lastAction"]["outcome"] == "Done"


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
    assert world.selected(world.service) == {samples.revision(1, world.spec)}
    world.settle()
    assert world.status["phase"] == "Aborted"
    assert [q["modelVersion"] for q in world.status["quarantine"]] == ["churn-v2"]


@pytest.mark.parametrize(
    ("steps", "metrics", "phase", "why"),
    [
        (STEPS[2:], [], "Ready", "the default metrics watch over what goes on anyway"),
        (STEPS[2:], [{"name": "errors", "preset": "errorRate", "onFail": "Observe"}], "Ready", "shown only"),
        (STEPS[2:], [{"name": "errors", "preset": "errorRate"}], "Progressing", "it was asked to decide"),
        (STEPS[:2], [], "Progressing", "an analysis waits for a Pass"),
    ],
)
def test_metrics_that_cannot_be_read_stop_only_what_they_are_to_decide(
    steps: Any, metrics: Any, phase: str, why: str
) -> None:
    world = serving_one(steps, 4)
    world.change_spec(
        model={"name": "churn", "version": 2}, rollout={"steps": steps, "analysis": {"metrics": metrics}}
    )
    world.metrics_problem = "pod churn-1: no answer within 2 s"
    world.verdicts = (MetricVerdict("errors", Verdict.PROVIDER_ERROR, True),)
    for _ in range(60):
        world.reconcile()
        world.control(ready=True)
        world.route()
        world.pass_time(10)
    assert world.status["phase"] == phase, why
    assert "quarantine" not in world.status, "a metrics outage is never a failed canary"


def test_a_crash_after_any_write_of_a_rollout_leads_to_the_same_end() -> None:
    def run(dies_after: int | None) -> World:
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
    assert calm.status["stable"]["modelVersion"] == "churn-v2"
    for write in range(0, calm.writes, 3):
        world = run(write)
        assert world.status["stable"]["modelVersion"] == "churn-v2"
        assert list(world.workloads) == list(calm.workloads)
        assert len(world.endpoints) == 4
