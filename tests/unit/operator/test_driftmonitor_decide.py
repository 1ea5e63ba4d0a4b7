"""decide, case by case: swaps, sources, people, and every reason that keeps a retraining from happening."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.harness.population import SUMMER, SUMMER_MISJUDGED, WINTER, World
from tests.unit.operator.drift_samples import (
    BYTES,
    DATA,
    NEW_DATA,
    SECONDS,
    START,
    decision_wire,
    judged,
    observed,
    spec,
    status,
    template,
    world,
)
from tests.unit.operator.samples import NOW, UID, condition, digest

from trimtab.apis.v1alpha1.data import DataSource
from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus
from trimtab.driftmonitor.build import tagged
from trimtab.driftmonitor.choice import needs_world
from trimtab.driftmonitor.decide import decide
from trimtab.driftmonitor.ledger import Entry, Ledger, UnreadableLedger, read
from trimtab.driftmonitor.observed import (
    DriftMonitorObserved,
    Problem,
    Reference,
    RetrainObserved,
    RetrainWorld,
    Unjudgeable,
)
from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP, EXPERIMENT
from trimtab.model.plan import Create, Plan, Replace

RETRAIN = names.retrain("churn", BYTES[1], NEW_DATA)
Wire = Mapping[str, Any]


def entry(**parts: Any) -> Entry:
    known: dict[str, Any] = {
        "name": RETRAIN,
        "at": NOW - timedelta(minutes=1),
        "monitor": "churn",
        "monitor_uid": UID,
        "decision": "d-1",
        "data": NEW_DATA,
    }
    return Entry(**(known | parts))


def ledger(*entries: Entry) -> Ledger:
    empty = Ledger(
        {"metadata": {"name": "trimtab-model-churn", "resourceVersion": "5"}, "data": {"highWater": "3"}}
    )
    return replace(empty, entries=entries)


def raised(**parts: Any) -> DriftMonitorStatus:
    """After one window that was worse: the next one raises."""
    first = judged(observed(), SUMMER_MISJUDGED)
    assert first.judgement is not None
    stored = {
        "phase": "InsufficientData",
        "window": first.judgement.window,
        "signals": first.judgement.signals,
        "persistence": first.judgement.persistence,
    }
    return status().model_copy(update={**stored, **parts})


def worse(*, in_world: RetrainWorld | None = None, **parts: Any) -> DriftMonitorObserved:
    """The window that raises realised performance was just closed."""
    known = {"status": raised(), "world": in_world or world()} | parts
    return judged(observed(**known), SUMMER_MISJUDGED, start=START + timedelta(seconds=SECONDS))


def approved(*, in_world: RetrainWorld | None = None, **parts: Any) -> DriftMonitorObserved:
    stored = raised().model_copy(update={"phase": "Drifted"})
    wire = stored.to_wire() | {"decision": decision_wire()}
    known = {"status": DriftMonitorStatus.model_validate(wire), "world": in_world or world()} | parts
    return observed(**known)


def wire_of(plan: Plan) -> Wire:
    assert plan.status is not None
    return plan.status


def decision_of(plan: Plan) -> tuple[str, str, str]:
    decision = wire_of(plan)["decision"]
    return decision["action"], decision["state"], decision.get("reason", "")


# --- what is watched --------------------------------------------------------------------------------------


def test_the_first_reference_is_written_down() -> None:
    plan = decide(observed(status=DriftMonitorStatus()), NOW)
    wire = wire_of(plan)
    assert wire["phase"] == "Waiting"
    assert wire["reference"]["modelVersion"] == "churn-v1"
    assert condition(wire, "Ready") == ("False", "Collecting")


def test_a_promotion_swaps_the_reference_and_forgets_the_rest() -> None:
    stored = DriftMonitorStatus.model_validate(raised().to_wire() | {"decision": decision_wire("Suggested")})
    other = Reference("churn-v2", BYTES[2], digest("7"))
    wire = wire_of(decide(judged(observed(status=stored, reference=other), SUMMER), NOW))
    assert (wire["phase"], wire["reference"]["modelVersion"]) == ("Waiting", "churn-v2")
    assert not {"window", "signals", "persistence"} & wire.keys()
    assert wire["decision"]["endedAt"], "nobody can approve it any more"


@pytest.mark.parametrize(
    ("reason", "waiting", "type_"),
    [("DeploymentMissing", True, "Reconciling"), ("NoProfile", False, "Stalled")],
)
def test_without_a_reference_it_waits(reason: str, waiting: bool, type_: str) -> None:
    wire = wire_of(decide(observed(reference=Unjudgeable(reason, "because", waiting)), NOW))
    assert condition(wire, type_) == ("True", reason)


def test_a_source_that_fails_is_said_once() -> None:
    failing = observed(status=raised(), problem="pod churn-x: no answer within 2 s")
    wire = wire_of(decide(failing, NOW))
    assert wire["phase"] == "SourceError"
    assert {s["verdict"] for s in wire["signals"]} == {"SourceError"}
    assert condition(wire, "MetricsAvailable") == ("False", "SourceError")
    again = replace(failing, status=DriftMonitorStatus.model_validate(wire), problem="pod churn-x: other")
    assert decide(again, NOW).is_empty


def test_an_error_of_a_pass_is_taken_back_by_the_next() -> None:
    stored = wire_of(decide(judged(observed(), WINTER), NOW))
    broken = {
        **stored,
        "conditions": [
            {**c, "status": "False", "reason": "InternalError"} if c["type"] == "Ready" else c
            for c in stored["conditions"]
        ],
    }
    wire = wire_of(decide(observed(status=DriftMonitorStatus.model_validate(broken)), NOW))
    assert condition(wire, "Ready") == ("True", "Watching")


def test_raising_and_clearing_are_noted_once() -> None:
    wire = wire_of(decide(worse(), NOW))
    noted = [line["reason"] for line in wire["history"]]
    assert noted.count("Raised") == 2
    stored = DriftMonitorStatus.model_validate(wire)
    third = judged(observed(status=stored, world=world()), WINTER, start=START + timedelta(seconds=20))
    fourth = wire_of(decide(third, NOW))
    fifth = judged(
        observed(status=DriftMonitorStatus.model_validate(fourth)),
        WINTER,
        start=START + timedelta(seconds=30),
    )
    assert [line["reason"] for line in wire_of(decide(fifth, NOW))["history"]].count("Cleared") == 2


# --- the decision table -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moved", "mode", "action", "why"),
    [
        (WINTER, "Auto", None, "nothing is raised"),
        (SUMMER, "Auto", "Alert", "other inputs without other performance"),
        (World(missing=0.5), "Auto", "Alert", "broken data"),
        (World(right=False), "Auto", "Retrain", "worse, whatever the inputs"),
        (SUMMER_MISJUDGED, "Auto", "Retrain", "both"),
        (SUMMER_MISJUDGED, "Observe", "Alert", "a mode that never acts"),
    ],
)
def test_decisions(moved: World, mode: str, action: str | None, why: str) -> None:
    once = judged(observed(spec=spec(mode=mode), world=world()), moved)
    stored = DriftMonitorStatus.model_validate(wire_of(decide(once, NOW)))
    twice = judged(replace(once, status=stored), moved, start=START + timedelta(seconds=SECONDS))
    assert needs_world(twice) == (action == "Retrain"), why
    found = wire_of(decide(twice, NOW)).get("decision", {})
    assert found.get("action") == action, why


def test_one_alert_for_one_matter() -> None:
    once = judged(observed(), SUMMER)
    first = wire_of(decide(once, NOW))
    twice = judged(
        observed(status=DriftMonitorStatus.model_validate(first)), SUMMER, start=START + timedelta(seconds=10)
    )
    second = wire_of(decide(twice, NOW))
    thrice = judged(
        observed(status=DriftMonitorStatus.model_validate(second)),
        SUMMER,
        start=START + timedelta(seconds=20),
    )
    third = wire_of(decide(thrice, NOW))
    assert second["decision"]["id"] == third["decision"]["id"] == "d-1"
    assert [line["reason"] for line in third["history"]].count("Alert") == 1


def test_a_decision_that_is_over_is_followed_by_the_next_number() -> None:
    ended = raised().to_wire() | {"decision": {**decision_wire("Executed"), "endedAt": NOW}}
    plan = decide(worse(status=DriftMonitorStatus.model_validate(ended)), NOW)
    assert wire_of(plan)["decision"]["id"] == "d-2"


# --- limits -----------------------------------------------------------------------------------------------

RUNNING = RetrainObserved("churn-r-0000000000", NOW - timedelta(hours=3), final=False)
WAITING = replace(RUNNING, final=True, awaits="churn-v2 waits for its rollout")
DONE = replace(RUNNING, final=True)
OLD = entry(name="churn-r-1111111111", at=NOW - timedelta(hours=5), decision="d-9")
RECENT = entry(name="churn-r-2222222222", at=NOW - timedelta(minutes=20), decision="d-8")
OTHERS = entry(name="churn-r-3333333333", monitor="other", monitor_uid="other", decision="d-1")

LIMITS: list[tuple[dict[str, Any], tuple[str, str], str]] = [
    ({}, ("Approved", ""), "nothing is in the way"),
    ({"rollout": "churn-v2 is on its way"}, ("Suppressed", "RolloutInProgress"), "not beside a rollout"),
    ({"retrains": (RUNNING,)}, ("Suppressed", "RetrainInFlight"), "one at a time"),
    ({"retrains": (WAITING,)}, ("Suppressed", "RetrainInFlight"), "also while its version waits"),
    ({"retrains": (DONE,)}, ("Approved", ""), "one that is done blocks nothing"),
    ({"ledger": ledger(OTHERS)}, ("Suppressed", "RetrainInFlight"), "somebody is making one"),
    ({"data": DATA}, ("Suppressed", "DataUnchanged"), "the same training would give the same model"),
    ({"data": NEW_DATA | {"train": DATA["train"]}}, ("Suppressed", "DataUnchanged"), "train data decides"),
    ({"data": DATA | {"train": NEW_DATA["train"]}}, ("Approved", ""), "new train data alone is new"),
    (
        {"ledger": ledger(entry(at=NOW - timedelta(hours=2), decision="d-7"))},
        ("Suppressed", "AlreadyActedOn"),
        "this version and this data were tried",
    ),
    ({"retrains": (replace(DONE, name=RETRAIN),)}, ("Suppressed", "AlreadyActedOn"), "its ledger was lost"),
    (
        {"ledger": ledger(OLD, replace(OLD, name="churn-r-4444444444"))},
        ("Suppressed", "BudgetSpent"),
        "2 a day",
    ),
    ({"ledger": ledger(OLD), "retrains": (DONE,)}, ("Suppressed", "BudgetSpent"), "both sources count"),
    (
        {"ledger": ledger(replace(OLD, at=NOW - timedelta(hours=25)), OLD)},
        ("Approved", ""),
        "yesterday is over",
    ),
    ({"ledger": ledger(RECENT)}, ("Suppressed", "Cooldown"), "an hour between two"),
    (
        {"ledger": ledger(replace(RECENT, at=NOW + timedelta(hours=2)))},
        ("Suppressed", "RetrainInFlight"),
        "an entry of the future is young: a wrong clock starts nothing",
    ),
    ({"ledger": Problem("LedgerUnreadable", "?", False)}, ("Refused", "LedgerUnreadable"), "unknown use"),
    ({"template": Problem("NothingToCopy", "?", False)}, ("Refused", "NothingToCopy"), "nothing to train"),
    ({"data": Problem("RegistryUnavailable", "?", True)}, ("Suppressed", "RegistryUnavailable"), "ask again"),
    ({"data": Problem("DataInvalid", "?", False)}, ("Refused", "DataInvalid"), "a tag that is gone"),
]


@pytest.mark.parametrize(("parts", "expected", "why"), LIMITS)
def test_limits(parts: dict[str, Any], expected: tuple[str, str], why: str) -> None:
    plan = decide(worse(in_world=world(**parts)), NOW)
    assert decision_of(plan) == ("Retrain", *expected), why
    assert plan.children == (), "what is decided is written first"


@pytest.mark.parametrize(("parts", "expected", "why"), LIMITS)
def test_limits_are_looked_at_again_before_anything_is_made(
    parts: dict[str, Any], expected: tuple[str, str], why: str
) -> None:
    plan = decide(approved(in_world=world(**parts)), NOW)
    made = [child for child in plan.children if child.kind in (EXPERIMENT, CONFIG_MAP)]
    assert bool(made) == (expected[0] == "Approved"), why
    if not made:
        assert decision_of(plan) == ("Retrain", *expected), why


def test_broken_data_comes_first() -> None:
    broken = World(right=False, missing=0.5)
    once = judged(observed(world=world()), broken)
    stored = DriftMonitorStatus.model_validate(wire_of(decide(once, NOW)))
    twice = judged(
        observed(status=stored, world=world(data=DATA)), broken, start=START + timedelta(seconds=10)
    )
    assert decision_of(decide(twice, NOW)) == ("Retrain", "Suppressed", "DataQualityBroken")


def test_what_is_in_the_way_is_looked_at_again_with_each_window() -> None:
    first = wire_of(decide(worse(in_world=world(data=DATA)), NOW))
    stored = DriftMonitorStatus.model_validate(first)
    later = judged(
        observed(status=stored, world=world()), SUMMER_MISJUDGED, start=START + timedelta(seconds=20)
    )
    wire = wire_of(decide(later, NOW))
    assert (wire["decision"]["id"], wire["decision"]["state"]) == ("d-1", "Approved")


def test_the_budget_is_shown() -> None:
    wire = wire_of(decide(worse(in_world=world(ledger=ledger(RECENT))), NOW))
    until = (RECENT.at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert wire["budget"] == {"usedToday": 1, "maxPerDay": 2, "cooldownUntil": until}


# --- carrying a retraining out ----------------------------------------------------------------------------


def test_the_ledger_is_written_before_the_experiment() -> None:
    plan = decide(approved(in_world=world(ledger=ledger(OLD))), NOW)
    (write,) = plan.children
    assert isinstance(write, Replace)
    assert write.body["metadata"]["resourceVersion"] == "5"
    assert write.body["data"]["highWater"] == "3", "version numbers stay"
    stored = read(write.body)
    assert [e.name for e in stored.entries] == [OLD.name, RETRAIN]
    assert stored.entries[-1] == replace(entry(), at=NOW)


def test_a_model_without_record_gets_one() -> None:
    (write,) = decide(approved(), NOW).children
    assert isinstance(write, Create)
    assert write.body["metadata"]["name"] == "trimtab-model-churn"
    assert "ownerReferences" not in write.body["metadata"]


def test_the_experiment_is_a_copy_on_pinned_data() -> None:
    held = world(ledger=ledger(entry()), data=Problem("RegistryUnavailable", "?", True))
    (create,) = decide(approved(in_world=held), NOW).children
    assert isinstance(create, Create)
    assert create.body["metadata"] == {
        "name": RETRAIN,
        "namespace": "ml",
        "labels": {"trimtab.dev/model": "churn", "trimtab.dev/trigger": "churn"},
    }
    made, first = create.body["spec"], template().wire
    assert made["trigger"] == {"kind": "DriftMonitor", "name": "churn", "decision": "d-1"}
    assert {s["name"]: s["uri"] for s in made["data"]} == {
        name: f"oci://registry.example/churn/{name}:current@{NEW_DATA[name]}" for name in NEW_DATA
    }, "the digests of the entry, whatever the tags stand for by now"
    assert {k: v for k, v in made.items() if k not in ("data", "trigger")} == {
        k: v for k, v in first.items() if k not in ("data", "suspend")
    }


def test_an_entry_of_long_ago_is_asked_for_again() -> None:
    """An Experiment counts for the day on which it is made, not for the one on which it was decided."""
    old = entry(at=NOW - timedelta(hours=26))
    (write,) = decide(approved(in_world=world(ledger=ledger(old))), NOW).children
    assert isinstance(write, Replace)
    assert read(write.body).entries == (replace(old, at=NOW),)
    others = (replace(OLD, name="churn-r-5555555555"), replace(OLD, name="churn-r-6666666666"))
    plan = decide(approved(in_world=world(ledger=ledger(old, *others))), NOW)
    assert decision_of(plan) == ("Retrain", "Suppressed", "BudgetSpent")


def test_what_exists_is_reported() -> None:
    held = world(ledger=ledger(entry()), made=RetrainObserved(RETRAIN, NOW, final=False))
    wire = wire_of(decide(approved(in_world=held), NOW))
    assert wire["decision"]["state"] == "Executed"
    assert wire["decision"]["target"] == {"kind": "Experiment", "name": RETRAIN}
    assert wire["history"][-1]["reason"] == "RetrainStarted"


def test_an_executed_retraining_stands_while_it_is_on_its_way() -> None:
    executed = decision_wire("Executed", target={"kind": "Experiment", "name": RETRAIN})
    stored = DriftMonitorStatus.model_validate(raised().to_wire() | {"decision": executed})
    own = RetrainObserved(RETRAIN, NOW, final=True, awaits="AwaitingRollout: set model.version to 2")
    held = world(ledger=ledger(entry()), retrains=(own,))
    wire = wire_of(decide(worse(status=stored, in_world=held), NOW))
    assert (wire["decision"]["id"], wire["decision"]["state"]) == ("d-1", "Executed")
    assert wire["decision"]["message"].startswith("AwaitingRollout")
    over = world(ledger=ledger(entry()), retrains=(replace(own, awaits=""),))
    wire = wire_of(decide(worse(status=stored, in_world=over), NOW))
    assert (wire["decision"]["id"], wire["decision"]["reason"]) == ("d-2", "AlreadyActedOn")


@pytest.mark.parametrize(
    ("uri", "tag"),
    [
        ("oci://r:5000/a/b:current", "oci://r:5000/a/b:current"),
        ("oci://r:5000/a/b:current@" + digest("1"), "oci://r:5000/a/b:current"),
        ("oci://r:5000/a/b@" + digest("1"), "oci://r:5000/a/b@" + digest("1")),
    ],
)
def test_a_digest_that_was_pinned_beside_its_tag_is_looked_up_anew(uri: str, tag: str) -> None:
    assert tagged(DataSource(name="a", split="train", uri=uri)).uri == tag


# --- people -----------------------------------------------------------------------------------------------


def asked(state: str = "Suggested", decision: str = "d-1", **parts: Any) -> DriftMonitorObserved:
    stored = raised().to_wire() | {"decision": {**decision_wire(state), **parts}}
    text = json.dumps({"action": "approve", "decision": decision, "token": "t", "by": "ann"})
    return observed(status=DriftMonitorStatus.model_validate(stored), action=text, spec=spec(mode="Suggest"))


def test_an_approval_is_carried_out_once() -> None:
    wire = wire_of(decide(asked(), NOW))
    assert wire["decision"]["state"] == "Approved"
    assert wire["lastAction"]["outcome"] == "Done" and wire["lastAction"]["by"] == "unverified: ann"
    again = replace(asked(), status=DriftMonitorStatus.model_validate(wire))
    assert decide(again, NOW).status is None


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (asked(decision="d-2"), "another decision"),
        (asked("Suppressed"), "it does not wait for anybody"),
        (asked("Executed"), "it is done"),
        (asked(endedAt=NOW), "it is over"),
    ],
)
def test_an_approval_of_anything_else_is_stale(case: DriftMonitorObserved, why: str) -> None:
    wire = wire_of(decide(case, NOW))
    assert wire["lastAction"]["outcome"] == "StaleAction", why
    assert wire["decision"]["state"] != "Approved", why


def test_a_suggestion_waits() -> None:
    plan = decide(worse(spec=spec(mode="Suggest")), NOW)
    assert decision_of(plan) == ("Retrain", "Suggested", "")


def test_what_was_approved_is_dropped_when_the_mode_forbids_it() -> None:
    plan = decide(approved(spec=spec(mode="Observe")), NOW)
    assert plan.children == ()
    assert wire_of(plan)["decision"]["endedAt"]


# --- the ledger -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{", "3", '[{"name": "x"}]', '[{"name":"x","at":"2026-01-01"}]'])
def test_another_hands_ledger_is_not_believed(text: str) -> None:
    with pytest.raises(UnreadableLedger):
        read({"data": {"retrains": text}})


def test_the_ledger_is_bounded() -> None:
    many = Ledger(None, tuple(entry(name=f"churn-r-{n:010d}", at=_ago(n)) for n in range(60, 0, -1)))
    kept = read({"data": many.with_entry(entry(at=NOW))})
    assert len(kept.entries) == 50 and kept.entries[-1].name == RETRAIN


def _ago(hours: int) -> datetime:
    return NOW - timedelta(hours=hours)
