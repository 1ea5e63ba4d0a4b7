"""Whatever happens, no model is retrained more often than its limits say, and a plan is carried out once."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.drift_world import BROKEN, QUIET, WORSE, DriftWorld, Refused
from tests.unit.operator.effort import examples

from trimtab.driftmonitor.judgement import Judgement
from trimtab.model.plan import Plan

NAMES = ("churn", "other")
PER_DAY = 2


NAME = st.sampled_from(NAMES)
FLAG = st.booleans()
BAD_DAY = st.tuples(st.just("bad_day"), NAME, FLAG, FLAG, st.sampled_from((2, 4, 9, 9)))
OTHERS = (
    st.tuples(st.just("window"), NAME, st.sampled_from((WORSE, QUIET, BROKEN))),
    st.tuples(st.just("crash"), NAME, st.integers(0, 2)),
    st.tuples(st.just("decide_now"), NAME),
    st.tuples(st.just("carry_out_late")),
    st.tuples(st.just("approve"), NAME),
    st.tuples(st.just("training_ends"), FLAG),
    st.tuples(st.just("rollout"), FLAG),
    st.tuples(st.just("promote")),
    st.tuples(st.just("delete_experiments")),
    st.tuples(st.just("delete_monitor"), NAME),
    st.tuples(st.just("wait"), st.sampled_from((1, 4, 30, 200, 1500))),
)
DAYS = st.lists(st.tuples(BAD_DAY, st.lists(st.one_of(*OTHERS), max_size=2)), min_size=4, max_size=12)
"""What happens: again and again something that leads to a retraining, and anything between."""


class Retraining:
    """Two monitors of one model, to whom things happen."""

    def __init__(self, mode: str, cooldown: str) -> None:
        self.world = DriftWorld(mode=mode, cooldown=cooldown, per_day=PER_DAY)
        self.held: list[tuple[str, int, Plan]] = []
        for name in NAMES:
            self.world.watch(name)
            self.world.settle(name)

    def bad_day(self, name: str, finished: bool, new: bool, writes: int) -> None:
        """The way to a retraining, as far as it goes."""
        if finished:
            self.training_ends(False)
        if new:
            self.world.publish()
        self.world.close_window(name, WORSE)
        for _ in range(writes):
            self.world.run(name)

    def window(self, name: str, judgement: Judgement) -> None:
        self.world.close_window(name, judgement)

    def crash(self, name: str, writes: int) -> None:
        self.world.run(name, writes=writes)

    def decide_now(self, name: str) -> None:
        """A second process, or a slow one: what it decided is carried out later."""
        self.held.append((name, *self.world.plan(name)))

    def carry_out_late(self) -> None:
        if self.held:
            self.world.carry_out(*self.held.pop(0))

    def approve(self, name: str) -> None:
        monitor = self.world.monitors[name]
        decision = monitor.status.get("decision", {}).get("id", "d-1")
        token = f"t{monitor.version}"
        monitor.action = json.dumps({"action": "approve", "decision": decision, "token": token})
        self.world.settle(name)

    def training_ends(self, awaits: bool) -> None:
        for made in self.world.experiments.values():
            made.final, made.awaits = True, "its rollout" if awaits and not made.final else ""

    def rollout(self, busy: bool) -> None:
        self.world.rollout = "a candidate is on its way" if busy else ""

    def promote(self) -> None:
        self.world.served = min(self.world.served + 1, 5)
        for made in self.world.experiments.values():
            made.awaits = ""

    def delete_experiments(self) -> None:
        self.world.experiments.clear()

    def delete_monitor(self, name: str) -> None:
        """And make one of the same name."""
        self.held = [held for held in self.held if held[0] != name]
        self.world.watch(name)
        self.world.settle(name)

    def wait(self, minutes: int) -> None:
        """No write is that slow."""
        self.held = []
        self.world.advance(minutes)

    def check(self) -> None:
        """An Experiment that was deleted and is made again, under its name, is the same retraining."""
        starts: dict[str, datetime] = {}
        for at, name in self.world.started:
            starts.setdefault(name, at)
        for at in starts.values():
            day = [other for other in starts.values() if at - timedelta(hours=24) < other <= at]
            assert len(day) <= PER_DAY, self.world.started
        running = [made.name for made in self.world.experiments.values() if not made.final]
        assert len(running) <= 1, running


@examples(200)
@given(
    mode=st.sampled_from(("Auto", "Auto", "Suggest")),
    cooldown=st.sampled_from(("0s", "0s", "3h")),
    days=DAYS,
)
def test_never_more_than_the_budget_and_never_two_at_once(
    mode: str, cooldown: str, days: list[tuple[tuple[Any, ...], list[tuple[Any, ...]]]]
) -> None:
    """Windows, crashes, deletions, races, new data, and time that passes, in any order."""
    retraining = Retraining(mode, cooldown)
    for step, *arguments in (step for day, others in days for step in (day, *others)):
        with suppress(Refused):
            getattr(retraining, step)(*arguments)
        retraining.check()


@examples(30)
@given(
    st.lists(st.sampled_from((WORSE, QUIET, BROKEN)), max_size=6),
    st.sampled_from(("Auto", "Suggest", "Observe")),
)
def test_a_plan_that_was_carried_out_leads_to_an_empty_one(windows: list[Judgement], mode: str) -> None:
    world = DriftWorld(mode=mode)
    world.watch("churn")
    for judgement in (QUIET, *windows):
        world.close_window("churn", judgement)
        world.settle("churn")
        _, plan = world.plan("churn")
        assert plan.is_empty


def test_the_simulation_does_retrain() -> None:
    """The properties would hold of a world in which nothing ever happens."""
    world = DriftWorld()
    world.watch("churn")
    for number in range(3):
        world.close_window("churn", WORSE)
        world.settle("churn")
        for made in world.experiments.values():
            made.final = True
        world.publish()
        world.advance(30)
        assert len(world.started) == min(number + 1, 2)
    world.advance(24 * 60)
    world.close_window("churn", WORSE)
    world.settle("churn")
    assert len(world.started) == 3


def test_an_entry_keeps_others_away_while_its_experiment_is_being_made() -> None:
    """The write of a slow process may come at any time, so nobody else may begin meanwhile."""
    world = DriftWorld()
    for name in NAMES:
        world.watch(name)
        world.settle(name)
    world.close_window("churn", WORSE)
    for _ in range(2):
        world.run("churn")
    slow = world.plan("churn")
    world.publish()
    world.close_window("other", WORSE)
    world.settle("other")
    assert world.monitors["other"].status["decision"]["reason"] == "RetrainInFlight"
    world.carry_out("churn", *slow)
    assert len(world.started) == 1


@pytest.mark.parametrize("crash", range(6))
def test_a_process_that_dies_anywhere_is_continued(crash: int) -> None:
    """One Experiment, whatever write was the last."""
    world = DriftWorld()
    world.watch("churn")
    world.close_window("churn", WORSE)
    writes = 0
    for _ in range(crash):
        before = len(world.started)
        world.run("churn", writes=1)
        writes += len(world.started) - before
    world.close_window("churn", WORSE)
    world.settle("churn")
    assert len(world.started) == 1
    decision: dict[str, Any] = world.monitors["churn"].status["decision"]
    assert (decision["id"], decision["state"]) == ("d-1", "Executed")
