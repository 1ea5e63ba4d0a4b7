"""Whatever happens, no model is retrained more often than its limits say, and a plan is carried out once."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.operator.drift_world import BROKEN, QUIET, WORSE, DriftWorld, Refused
from tests.unit.operator.effort import examples

from trimtab.driftmonitor.judgement import Judgement
from trimtab.model.plan import Plan

NAMES = ("churn", "other")
PER_DAY = 2


class Retraining(RuleBasedStateMachine):
    """Two monitors of one model: windows, crashes, deletions, races, new data, and time that passes."""

    @initialize(mode=st.sampled_from(("Auto", "Suggest")), cooldown=st.sampled_from(("0s", "3h")))
    def begin(self, mode: str, cooldown: str) -> None:
        self.world = DriftWorld(mode=mode, cooldown=cooldown, per_day=PER_DAY)
        self.held: list[tuple[str, int, Plan]] = []
        for name in NAMES:
            self.world.watch(name)
            self.world.settle(name)

    names = st.sampled_from(NAMES)

    @rule(name=names, judgement=st.sampled_from((WORSE, WORSE, WORSE, QUIET, BROKEN)))
    def window(self, name: str, judgement: Judgement) -> None:
        self.world.close_window(name, judgement)

    def a_bad_day(self, name: str, *, finished: bool, new: bool, writes: int) -> None:
        """The way to a retraining, as far as it goes."""
        if finished:
            self.training_ends(awaits=False)
        if new:
            self.world.publish()
        self.approve(name)
        self.world.close_window(name, WORSE)
        with suppress(Refused):
            for _ in range(writes):
                self.world.run(name)

    often = rule(
        name=names, finished=st.booleans(), new=st.booleans(), writes=st.sampled_from((1, 2, 3, 8, 8))
    )
    one_day = often(a_bad_day)
    one_more_day = often(a_bad_day)
    another_day = often(a_bad_day)
    yet_another_day = often(a_bad_day)

    @rule(name=names, writes=st.integers(0, 2))
    def crash(self, name: str, writes: int) -> None:
        with suppress(Refused):
            self.world.run(name, writes=writes)

    @rule(name=names)
    def passes(self, name: str) -> None:
        with suppress(Refused):
            self.world.settle(name)

    @rule(name=names)
    def decide_now(self, name: str) -> None:
        """A second process, or a slow one: what it decided is carried out later."""
        self.held.append((name, *self.world.plan(name)))

    @precondition(lambda self: self.held)
    @rule()
    def carry_out_late(self) -> None:
        name, version, plan = self.held.pop(0)
        with suppress(Refused):
            self.world.carry_out(name, version, plan)

    @rule(name=names)
    def approve(self, name: str) -> None:
        monitor = self.world.monitors[name]
        decision = monitor.status.get("decision", {}).get("id", "d-1")
        token = f"t{monitor.version}"
        monitor.action = json.dumps({"action": "approve", "decision": decision, "token": token})

    @rule()
    def publish(self) -> None:
        self.world.publish()

    @rule(awaits=st.booleans())
    def training_ends(self, awaits: bool) -> None:
        for made in self.world.experiments.values():
            made.final, made.awaits = True, "its rollout" if awaits and not made.final else ""

    @rule(busy=st.booleans())
    def rollout(self, busy: bool) -> None:
        self.world.rollout = "a candidate is on its way" if busy else ""

    @precondition(lambda self: self.world.served < 5)
    @rule()
    def promote(self) -> None:
        self.world.served += 1
        for made in self.world.experiments.values():
            made.awaits = ""

    @rule()
    def delete_experiments(self) -> None:
        self.world.experiments.clear()

    @rule(name=names)
    def delete_monitor(self, name: str) -> None:
        self.held = [held for held in self.held if held[0] != name]
        self.world.watch(name)
        self.world.settle(name)

    @rule(minutes=st.sampled_from((1, 4, 30, 200, 1500)))
    def wait(self, minutes: int) -> None:
        self.held = []
        self.world.advance(minutes)

    @invariant()
    def never_more_than_the_budget(self) -> None:
        starts = dict(reversed([(name, at) for at, name in self.world.started])) if self.has_begun else {}
        for at in starts.values():
            day = [other for other in starts.values() if at - timedelta(hours=24) < other <= at]
            assert len(day) <= PER_DAY, self.world.started

    @invariant()
    def never_two_at_once(self) -> None:
        if self.has_begun:
            running = [made.name for made in self.world.experiments.values() if not made.final]
            assert len(running) <= 1, running

    @property
    def has_begun(self) -> bool:
        return hasattr(self, "world")


TestRetraining = Retraining.TestCase
TestRetraining.settings = examples(80, steps=30)


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
