"""Going back to what served before: in time, in vain, by whom, and how far back."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_world import World

VERSIONS = tuple(samples.version(number) for number in (1, 2, 3, 4))


def rolled_out(*numbers: int, follow: bool = False, **rollout: Any) -> World:
    """These versions have been promoted, one after the other, with 4 pods each and without a canary."""
    world = World(samples.spec(serving={"replicas": 4}, rollout=rollout), VERSIONS[:1])
    for number in numbers:
        world.versions = VERSIONS[:number]
        model = {"follow": "Approved"} if follow else {"version": number}
        world.change_spec(model={"name": "churn", **model})
        world.settle()
        assert world.status["stable"]["modelVersion"] == f"churn-v{number}"
    return world


def ask(world: World, token: str = "t-1", **changes: str) -> None:
    """What `trimtab rollback` writes."""
    status = world.status
    about = {"revision": status["stable"]["revision"], "to": status["lastGood"]["revision"]}
    world.action = json.dumps({"action": "rollback", "token": token, "by": "ann"} | about | changes)


def good(world: World) -> list[str]:
    """What served before, newest first."""
    sides = [world.status["lastGood"]] if "lastGood" in world.status else []
    return [side["modelVersion"] for side in (*sides, *world.status.get("olderGood", ()))]


def reasons(world: World) -> list[str]:
    return [entry["reason"] for entry in world.status["history"]]


def ready(world: World) -> tuple[str, str]:
    condition = next(c for c in world.status["conditions"] if c["type"] == "Ready")
    return condition["status"], condition["reason"]


def test_pods_first_then_traffic_once_then_the_rest() -> None:
    world = rolled_out(1, 2)
    assert list(world.workloads) == [world.status["stable"]["revision"]], "only the record of v1 is left"
    old = world.status["lastGood"]["revision"]
    ask(world)
    moves = []
    for _ in range(20):
        world.reconcile()
        moves.append(world.selected(world.service))
        assert len(world.endpoints) == 4, "nobody loses a pod before the others are there"
        world.control(ready=True)
        world.route()
        world.pass_time(1)
    assert sum(before != after for before, after in itertools.pairwise(moves)) == 1
    world.settle()
    assert world.status["stable"]["revision"] == old
    assert [(q["modelVersion"], q["reason"]) for q in world.status["quarantine"]] == [
        ("churn-v2", "RolledBackByPerson")
    ]
    assert good(world) == []
    assert reasons(world)[-2:] == ["RollingBack", "RolledBack"]
    assert list(world.workloads) == [old]
    assert "rollback" not in world.status


@pytest.mark.parametrize(
    ("follow", "phase", "expected", "why"),
    [
        (False, "Aborted", ("False", "Aborted"), "the pinned version is in quarantine: somebody must repin"),
        (True, "Ready", ("True", "CandidateRejected"), "the target falls back to what serves"),
    ],
)
def test_what_is_said_afterwards(follow: bool, phase: str, expected: tuple[str, str], why: str) -> None:
    world = rolled_out(1, 2, follow=follow)
    ask(world)
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v1"
    assert (world.status["phase"], ready(world)) == (phase, expected), why


def test_a_crash_at_any_write_leads_to_the_same_end() -> None:
    def run(dies_after: int | None) -> World:
        world = rolled_out(1, 2)
        ask(world)
        start = world.writes
        for _ in range(40):
            left = None if dies_after is None else dies_after - (world.writes - start)
            world.reconcile(crash_after=left)
            if left is not None and left <= world.writes - start:
                dies_after = None
            assert len(world.endpoints) >= 4
            world.control(ready=True)
            world.route()
            world.pass_time(1)
        world.settle()
        return world

    def end(world: World) -> Any:
        status = world.status
        kept = {key: status.get(key) for key in ("phase", "lastGood", "rollback")}
        return (status["stable"]["revision"], kept, list(world.workloads), set(world.records), reasons(world))

    calm = run(None)
    assert calm.status["stable"]["modelVersion"] == "churn-v1"
    for write in range(calm.writes):
        assert end(run(write)) == end(calm), f"killed after write {write}"


def test_a_stable_with_few_ready_pods_is_left_the_sooner() -> None:
    world = rolled_out(1, 2)
    for pod in world.workloads[world.status["stable"]["revision"]].pods[1:]:
        pod.ready = False
    world.control(ready=False)
    world.route()
    ask(world)
    world.reconcile()
    world.control(ready=False)
    last_good = world.workloads[world.status["lastGood"]["revision"]]
    last_good.pods[0].ready = True
    for _ in range(3):
        world.control(ready=False)
        world.route()
        world.reconcile()
    assert world.status["stable"]["modelVersion"] == "churn-v1", "one answers now, and one is enough for that"


def starved(world: World, seconds: float) -> None:
    """Nothing that is new gets ready."""
    for _ in range(4):
        world.reconcile()
        world.control(ready=False)
        world.route()
    world.pass_time(seconds)
    for _ in range(3):
        world.reconcile()


def test_a_rollback_without_pods_is_blocked_and_what_serves_goes_on() -> None:
    world = rolled_out(1, 2, progressDeadline="60s")
    bad = world.status["stable"]["revision"]
    ask(world)
    starved(world, 10)
    assert (world.status["phase"], ready(world)) == ("RollingBack", ("False", "RollingBack"))
    starved(world, 60)
    assert (world.status["phase"], ready(world)) == ("Stalled", ("False", "RollbackBlocked"))
    assert world.selected(world.service) == {bad}
    assert len(world.endpoints) == 4
    assert "quarantine" not in world.status, "it is still what serves"
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v1", "late is better than never"


def test_a_blocked_rollback_does_not_hold_up_the_fix() -> None:
    world = rolled_out(1, 2, progressDeadline="60s")
    ask(world)
    starved(world, 61)
    assert ready(world) == ("False", "RollbackBlocked")
    world.versions = VERSIONS
    world.change_spec(model={"name": "churn", "version": 3})
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v3"
    assert good(world) == ["churn-v2", "churn-v1"]
    assert "rollback" not in world.status


def test_a_rollback_whose_record_is_gone_is_blocked_at_once() -> None:
    world = rolled_out(1, 2)
    del world.records[world.status["lastGood"]["revision"]]
    ask(world)
    world.reconcile()
    assert ready(world) == ("False", "RollbackBlocked")
    assert len(world.endpoints) == 4


@pytest.mark.parametrize("changes", [{"revision": "0" * 8}, {"to": "0" * 8}, {"to": ""}])
def test_a_rollback_of_something_else_is_refused_once(changes: dict[str, str]) -> None:
    world = rolled_out(1, 2)
    ask(world, **changes)
    world.settle()
    assert world.status["lastAction"]["outcome"] == "StaleAction"
    assert reasons(world)[-1] == "StaleAction"
    assert world.status["stable"]["modelVersion"] == "churn-v2"
    assert world.status["phase"] == "Ready"


def test_with_a_candidate_on_its_way_there_is_an_abort_and_no_rollback() -> None:
    world = rolled_out(1, 2)
    world.versions = VERSIONS
    steps = [{"weight": 50}, {"pause": {"for": "1h"}}]
    world.change_spec(model={"name": "churn", "version": 3}, rollout={"steps": steps})
    for _ in range(6):
        world.reconcile()
        world.control(ready=True)
        world.route()
    assert world.status["candidate"]["modelVersion"] == "churn-v3"
    ask(world)
    world.reconcile()
    assert world.status["lastAction"]["outcome"] == "StaleAction"
    assert world.status["candidate"]["modelVersion"] == "churn-v3"


def test_a_rollback_works_while_rollouts_are_frozen() -> None:
    world = rolled_out(1, 2)
    world.change_spec(rollout={"freeze": True})
    ask(world)
    world.settle()
    assert world.status["stable"]["modelVersion"] == "churn-v1"


@pytest.mark.parametrize(
    ("limit", "expected", "why"),
    [
        (1, ["churn-v3"], "only the last one"),
        (2, ["churn-v3", "churn-v2"], "the one before it too"),
        (3, ["churn-v3", "churn-v2", "churn-v1"], "all there were"),
    ],
)
def test_how_many_are_remembered(limit: int, expected: list[str], why: str) -> None:
    world = rolled_out(1, 2, 3, 4, revisionHistoryLimit=limit)
    assert good(world) == expected, why
    assert len(world.records) == limit + 1


def test_back_and_back_again() -> None:
    world = rolled_out(1, 2, 3)
    ask(world)
    world.settle()
    assert (world.status["stable"]["modelVersion"], good(world)) == ("churn-v2", ["churn-v1"])
    ask(world, "t-2")
    world.settle()
    assert (world.status["stable"]["modelVersion"], good(world)) == ("churn-v1", [])
    assert {q["modelVersion"] for q in world.status["quarantine"]} == {"churn-v2", "churn-v3"}
    assert len(world.records) == 1


def test_what_serves_again_is_not_a_revision_to_go_back_to() -> None:
    world = rolled_out(1, 2, 1)
    assert good(world) == ["churn-v2"], "not to itself"
