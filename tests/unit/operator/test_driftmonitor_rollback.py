"""A rollout that made it worse: who decides that, what is asked for, and how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.harness.population import SUMMER_MISJUDGED, WINTER, World
from tests.unit.operator.drift_samples import (
    BYTES,
    PROFILE,
    SECONDS,
    START,
    decision_wire,
    judged,
    observed,
    spec,
    world,
)
from tests.unit.operator.samples import NOW

from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus
from trimtab.driftmonitor.choice import needs_world
from trimtab.driftmonitor.decide import decide
from trimtab.driftmonitor.observed import DriftMonitorObserved, Reference, WayBack

TWO = Reference("churn-v2", BYTES[2], PROFILE.digest)
THREE = Reference("churn-v3", BYTES[3], PROFILE.digest)
REVISION = "8a11d2c4"
BACK = WayBack(REVISION, "churn-v1")
WRONG = World(right=False)


def wire_of(of: DriftMonitorObserved) -> dict[str, Any]:
    plan = decide(of, NOW)
    assert plan.status is not None
    return dict(plan.status)


def after(of: DriftMonitorObserved, *worlds: World) -> DriftMonitorObserved:
    """The monitor, once windows of these worlds have been judged."""
    for number, now in enumerate(worlds):
        each = judged(of, now, start=START + timedelta(seconds=number * SECONDS))
        stored = DriftMonitorStatus.model_validate(wire_of(each))
        of = replace(each, status=stored, judgement=None)
    return of


def promoted(
    *before: World, mode: str = "Auto", way_back: WayBack | None = BACK, reference: Reference = TWO
) -> DriftMonitorObserved:
    """Version 1 lived through these worlds; now another one serves."""
    old = after(observed(spec=spec(mode=mode), world=world()), *before)
    swapped = replace(old, reference=reference, way_back=way_back)
    return replace(swapped, status=DriftMonitorStatus.model_validate(wire_of(swapped)))


def decision(of: DriftMonitorObserved) -> dict[str, Any]:
    return dict(of.status.to_wire().get("decision", {}))


@pytest.mark.parametrize(
    ("before", "since", "way_back", "action", "why"),
    [
        (
            [WINTER],
            [WRONG, WRONG],
            BACK,
            "Rollback",
            "worse from the first window on, and the one before was not",
        ),
        ([WINTER], [WRONG], BACK, None, "one window is no alarm"),
        ([WINTER], [WINTER, WRONG, WRONG], BACK, "Retrain", "it did well first: the world has changed"),
        ([], [WRONG, WRONG], BACK, "Retrain", "nobody knows how the one before did"),
        ([WINTER, WRONG, WRONG], [WRONG, WRONG], BACK, "Retrain", "the one before did badly in the end"),
        ([WINTER], [WRONG, WRONG], None, "Retrain", "there is nothing to go back to"),
        (
            [WINTER],
            [WRONG, WRONG],
            WayBack(REVISION, "churn-v0"),
            "Retrain",
            "it would go back to another one",
        ),
    ],
)
def test_when_it_goes_back(
    before: list[World], since: list[World], way_back: WayBack | None, action: str | None, why: str
) -> None:
    found = decision(after(promoted(*before, way_back=way_back), *since))
    is_open = {} if "endedAt" in found else found
    assert is_open.get("action") == action, why


@pytest.mark.parametrize(
    ("mode", "action", "state", "reason"),
    [
        ("Auto", "Rollback", "Approved", "RollbackAsked"),
        ("Suggest", "Rollback", "Suggested", "RollbackSuggested"),
        ("Observe", "Alert", "Executed", "Alert"),
    ],
)
def test_what_the_mode_makes_of_it(mode: str, action: str, state: str, reason: str) -> None:
    of = after(promoted(WINTER, mode=mode), SUMMER_MISJUDGED, SUMMER_MISJUDGED)
    found = decision(of)
    assert (found["action"], found["state"]) == (action, state)
    assert of.status.history[-1].reason == reason
    if action == "Rollback":
        assert found["target"] == {
            "kind": "Deployment",
            "name": "churn",
            "revision": REVISION,
            "to": "churn-v1",
        }
        assert found["evidence"]["modelVersion"] == "churn-v2"


def test_it_needs_no_ledger_and_stands_while_it_is_carried_out() -> None:
    asked = after(promoted(WINTER), WRONG, WRONG)
    again = judged(asked, WRONG, start=START + timedelta(seconds=90))
    assert not needs_world(again)
    assert decision(after(asked, WRONG)) == decision(asked)
    assert decide(replace(again, judgement=None), NOW).status is None


def test_a_suggestion_that_a_person_approves_is_asked_for() -> None:
    waits = after(promoted(WINTER, mode="Suggest"), WRONG, WRONG)
    text = json.dumps({"action": "approve", "decision": decision(waits)["id"], "token": "t", "by": "ann"})
    wire = wire_of(replace(waits, action=text))
    assert wire["decision"]["state"] == "Approved"
    assert wire["history"][-1]["reason"] == "RollbackAsked"


def test_a_suggestion_is_asked_for_when_the_mode_becomes_auto() -> None:
    waits = after(promoted(WINTER, mode="Suggest"), WRONG, WRONG)
    auto = after(replace(waits, spec=spec(mode="Auto")), WRONG)
    assert (decision(auto)["id"], decision(auto)["state"]) == (decision(waits)["id"], "Approved")


def test_it_is_executed_when_the_version_before_serves_again() -> None:
    asked = after(promoted(WINTER), WRONG, WRONG)
    wire = wire_of(replace(asked, reference=observed().reference, way_back=None))
    assert wire["decision"]["state"] == "Executed"
    assert wire["decision"]["endedAt"]
    assert wire["history"][-2]["reason"] == "RolledBack"
    assert wire["reference"]["previous"] == {"modelVersion": "churn-v2", "performed": False}
    back = replace(asked, status=DriftMonitorStatus.model_validate(wire), reference=observed().reference)
    bad = after(replace(back, way_back=WayBack("5f3c09aa", "churn-v2")), WRONG, WRONG)
    assert decision(bad)["action"] == "Retrain", "never to and fro"


def test_a_fix_that_overtakes_ends_it() -> None:
    asked = after(promoted(WINTER), WRONG, WRONG)
    wire = wire_of(replace(asked, reference=THREE))
    assert (wire["decision"]["state"], "endedAt" in wire["decision"]) == ("Approved", True)


def test_a_mode_that_never_acts_takes_it_back() -> None:
    asked = after(promoted(WINTER), WRONG, WRONG)
    wire = wire_of(replace(asked, spec=spec(mode="Observe")))
    assert wire["decision"]["endedAt"]
    assert wire["decision"]["state"] == "Approved"


def test_old_statuses_know_nothing_of_it() -> None:
    stored = DriftMonitorStatus.model_validate(
        observed().status.to_wire() | {"decision": decision_wire("Suggested")}
    )
    assert stored.reference is not None
    assert not stored.reference.performed and stored.reference.previous is None
