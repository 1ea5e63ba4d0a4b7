"""What holds for every Deployment that can be admitted and every record of it that can be observed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.effort import examples
from tests.unit.operator.samples import NOW
from tests.unit.operator.schema_limits import assert_storable

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.apis.v1alpha1.deployment_status import Abort, DeploymentStatus, Quarantine, Rollback, StepStatus
from trimtab.apis.v1alpha1.rollout import Step
from trimtab.deployment import actions
from trimtab.deployment.analysis import MetricVerdict, Verdict
from trimtab.deployment.build import selects_both
from trimtab.deployment.decide import decide
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.observed import DeploymentObserved, PodTrouble, WorkloadObserved
from trimtab.deployment.reasons import Reason
from trimtab.deployment.roles import recorded
from trimtab.deployment.steps import position, step_key
from trimtab.deployment.traffic.by_pods import Traffic
from trimtab.deployment.traffic.replica_ratio import Pair, is_reachable, pair, smallest_replicas
from trimtab.deployment.turn import turn_name
from trimtab.model.kinds import CONTROLLER_REVISION, SERVICE, WORKLOAD
from trimtab.model.plan import Apply, Delete, Plan, Scale

STEPS = [{"weight": 20}, {"analyze": {}}, {"pause": {}}, {"pause": {"for": "20s"}}, {"weight": 80}]
FRONTS = [None, Traffic("", both=True), *(Traffic(samples.revision(number)) for number in (1, 2))]
NUMBERS = st.sampled_from([None, 1, 2, 3])


@st.composite
def specs(draw: st.DrawFn) -> DeploymentSpec:
    model = draw(st.sampled_from([{"version": 1}, {"version": 2}, {"version": 3}, {"follow": "Approved"}]))
    analysis = {"onInconclusive": draw(st.sampled_from(["Extend", "Hold", "Fail"]))}
    return samples.spec(
        model={"name": "churn"} | model,
        rollout={"steps": STEPS[: draw(st.integers(0, 5))], "analysis": analysis},
    )


@st.composite
def statuses(draw: st.DrawFn) -> DeploymentStatus:
    stable, candidate = draw(NUMBERS), draw(NUMBERS)
    if candidate == stable:
        candidate = None
    update: dict[str, Any] = {
        "stable": samples.side(stable) if stable else None,
        "candidate": samples.side(candidate) if candidate else None,
        "quarantine": tuple(_quarantined(n) for n in draw(st.lists(st.sampled_from([2, 3]), unique=True))),
    }
    last = draw(NUMBERS)
    if stable and last and last not in (stable, candidate):
        update["last_good"] = samples.side(last)
        if not candidate and draw(st.booleans()):
            update["rollback"] = Rollback(
                revision=samples.revision(stable), to=samples.revision(last), reason="PodHealth", at=NOW
            )
    if stable and candidate and draw(st.booleans()):
        index = draw(st.integers(0, 7))
        update["step"] = StepStatus(index=index, started_at=NOW, held=draw(st.booleans()))
        if draw(st.booleans()):
            update["abort"] = Abort(revision=samples.revision(candidate), step=index, reason="PodHealth")
    return DeploymentStatus().model_copy(update=update)


def _quarantined(number: int) -> Quarantine:
    return Quarantine(
        revision=samples.revision(number),
        digest=samples.BYTES[number],
        model_version=f"churn-v{number}",
        reason="PodHealth",
        at=NOW,
    )


@st.composite
def workloads(draw: st.DrawFn, number: int) -> WorkloadObserved:
    replicas = draw(st.integers(0, 3))
    ready = draw(st.integers(0, replicas))
    made = samples.workload(
        number,
        replicas,
        ready=ready,
        serving=draw(st.integers(0, ready)),
        starting=replicas - ready,
        settled=draw(st.booleans()),
        deleting=draw(st.booleans()),
    )
    trouble = draw(st.none() | st.just(PodTrouble("ContainerFailed", "x" * 3000)))
    pods = tuple(replace(p, trouble=trouble, restarts=draw(st.integers(0, 1))) for p in made.pods)
    return replace(made, pods=pods)


VERDICT = st.builds(
    MetricVerdict,
    name=st.just("errors"),
    verdict=st.sampled_from(list(Verdict)),
    aborts=st.booleans(),
    value=st.sampled_from([None, 0.0, 1e-300, 0.5]),
    message=st.sampled_from(["", "x" * 3000]),
)
ACTION = st.builds(
    lambda action, number, step: json.dumps(
        {
            "action": action,
            "revision": samples.revision(number),
            "to": samples.revision(step % 3 + 1),
            "step": step,
            "token": f"{action}{step}",
        }
    ),
    st.sampled_from(actions.ACTIONS),
    st.sampled_from([1, 2, 3]),
    st.integers(0, 7),
)


@st.composite
def deployments(draw: st.DrawFn) -> DeploymentObserved:
    status = draw(statuses())
    existing = draw(st.lists(st.sampled_from([1, 2, 3]), unique=True))
    front = draw(
        st.sampled_from([None, Traffic("", both=True), *(Traffic(samples.revision(n)) for n in (1, 2))])
    )
    evidence = None
    if status.candidate is not None and draw(st.booleans()):
        turn, index = turn_name(status.candidate), status.step.index if status.step else 0
        seconds = {step_key(turn, index): draw(st.sampled_from([0.0, 30.0, 1e6]))}
        evidence = Evidence(turn, NOW, observed_seconds=seconds)
    phases = st.sampled_from(["Approved", "Registered", "Rejected"])
    numbers = draw(st.sampled_from([(), (1,), (1, 2, 3)]))
    return samples.observed(
        status,
        of=draw(specs()),
        generation=draw(st.integers(1, 2)),
        versions=tuple(samples.version(n, draw(phases)) for n in numbers),
        records=samples.records(*draw(st.sampled_from([(), (1,), (1, 2, 3)]))),
        workloads=samples.workloads(*(draw(workloads(n)) for n in existing)),
        service=samples.service(front) if front else None,
        evidence=evidence,
        verdicts=tuple(draw(st.lists(VERDICT, max_size=1))),
        metrics_problem=draw(st.sampled_from(["", "x" * 3000])),
        action=draw(st.sampled_from(["", "{", "[]", '{"action":"promote"}']) | ACTION),
    )


@examples(30)
@given(deployments())
def test_any_record_gets_a_plan_that_can_be_carried_out(observed: DeploymentObserved) -> None:
    plan = decide(observed, NOW)
    assert plan == decide(observed, NOW), "equal arguments, equal plans"
    if plan.status is not None:
        assert_storable("Deployment", plan.status)
        assert DeploymentStatus.model_validate(plan.status).to_wire() == plan.status
        assert {c["reason"] for c in plan.status["conditions"]} <= set(Reason)
    _assert_safe(plan, observed)


def _assert_safe(plan: Plan, observed: DeploymentObserved) -> None:
    status = observed.status if plan.status is None else DeploymentStatus.model_validate(plan.status)
    for write in [*plan.children, *plan.deletions]:
        match write:
            case Scale(known=known, replicas=0):
                assert not _of(observed, known["metadata"]["name"]).serving_pods
            case Delete(kind=kind, name=name) if kind is CONTROLLER_REVISION:
                assert all(w.body["metadata"]["name"] != name for w in observed.workloads.values())
                assert not any(name.endswith(revision) for revision in recorded(status))
            case Delete(kind=kind, name=name, foreground=foreground) if kind is WORKLOAD:
                assert not _of(observed, name).serving_pods
                assert foreground
            case Apply(kind=kind, body=body) if kind is SERVICE and observed.service is not None:
                if not selects_both(body) and selects_both(observed.service):
                    _assert_somebody_answers(body, observed)


def _assert_somebody_answers(body: Any, observed: DeploymentObserved) -> None:
    """Traffic that others have moves only to a side that has a ready pod."""
    left = body["spec"]["selector"]["trimtab.dev/revision"]
    others = sum(w.serving_pods for revision, w in observed.workloads.items() if revision != left)
    there = observed.workloads.get(left)
    if others and observed.status.stable is not None:
        assert there is not None
        assert there.ready_replicas > 0


def _of(observed: DeploymentObserved, name: str) -> WorkloadObserved:
    return next(w for w in observed.workloads.values() if w.body["metadata"]["name"] == name)


@examples(20)
@given(deployments())
def test_while_nothing_happens_the_status_settles(observed: DeploymentObserved) -> None:
    for day in range(12):
        plan = decide(observed, NOW + timedelta(days=day))
        if plan.status is None:
            return
        observed = replace(observed, status=DeploymentStatus.model_validate(plan.status))
    raise AssertionError(f"still writing: {observed.status.phase}")


# --- arithmetic of weights ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("replicas", "weight", "stable", "candidate", "effective"),
    [
        (4, 20, 4, 1, 20),
        (5, 20, 5, 1, 17),
        (5, 40, 5, 3, 38),
        (5, 60, 3, 5, 63),
        (5, 80, 1, 5, 83),
        (10, 5, 10, 1, 9),
        (4, 50, 4, 4, 50),
        (4, 5, 4, 1, 20),
        (1, 90, 1, 1, 50),
        (4, 0, 4, 0, 0),
        (4, 100, 0, 4, 100),
        (1, 50, 1, 1, 50),
        (100, 1, 100, 1, 1),
        (100, 99, 1, 100, 99),
    ],
)
def test_worked_examples_of_weights(
    replicas: int, weight: int, stable: int, candidate: int, effective: int
) -> None:
    made = pair(replicas, weight)
    assert made == Pair(stable, candidate)
    assert abs(made.effective_weight - effective) <= 0.5


@examples(20)
@given(st.integers(1, 100), st.integers(0, 100))
def test_weights_are_safe_and_monotone(replicas: int, weight: int) -> None:
    made = pair(replicas, weight)
    assert max(made.stable, made.candidate) == replicas, "one side is always full"
    assert made.stable + made.candidate <= 2 * replicas
    assert (made.candidate > 0) == (weight > 0)
    assert (made.stable > 0) == (weight < 100)
    if weight < 100:
        more = pair(replicas, weight + 1)
        assert more.candidate >= made.candidate
        assert more.stable <= made.stable


@examples(20)
@given(st.integers(1, 99))
def test_the_fewest_replicas_of_a_weight_are_enough(weight: int) -> None:
    fewest = smallest_replicas(weight)
    assert is_reachable(fewest, weight)
    assert fewest == 1 or not is_reachable(fewest - 1, weight)


@pytest.mark.parametrize(
    ("index", "weight", "last"),
    [
        (None, 20, False),
        (0, 20, False),
        (1, 20, False),
        (3, 20, False),
        (4, 80, False),
        (5, 100, True),
        (9, 100, True),
    ],
)
def test_the_weight_of_a_step_is_that_of_the_last_weight_step(
    index: int | None, weight: int, last: bool
) -> None:
    steps = [Step.model_validate(step) for step in STEPS]
    at = position(steps, None if index is None else StepStatus(index=index, started_at=NOW))
    assert (at.weight, at.step is None) == (weight, last)


# --- actions of people -------------------------------------------------------------------------------------

RIGHT = {"action": "promote", "revision": samples.revision(2), "step": 2, "token": "t", "by": "ann"}


UNREADABLE = ["", "{", "[]", "7", "null", '"promote"'] + [
    json.dumps(RIGHT | change)
    for change in (
        {"action": "delete"},
        {"token": ""},
        {"token": "x" * 65},
        {"step": "2"},
        {"step": None},
        {"by": "x" * 3000},
    )
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_action(text: str) -> None:
    assert actions.parse(text) is None


@examples(30)
@given(st.text(max_size=80) | st.recursive(st.none() | st.text(max_size=3), st.lists).map(json.dumps))
def test_any_text_can_stand_in_the_annotation(text: str) -> None:
    actions.parse(text)


CANARY = DeploymentStatus(
    stable=samples.side(1), candidate=samples.side(2), step=StepStatus(index=2, started_at=NOW)
)


@pytest.mark.parametrize(
    ("changes", "fits", "why"),
    [
        ({}, True, "the revision and the step there are"),
        ({"revision": samples.revision(3)}, False, "another revision"),
        ({"step": 1}, False, "a step that is over"),
        ({"step": 3}, False, "a step that has not come"),
    ],
)
def test_an_action_is_for_one_revision_and_one_step(changes: Any, fits: bool, why: str) -> None:
    action = actions.pending(json.dumps(RIGHT | changes), CANARY)
    assert action is not None
    assert actions.fits(action, CANARY) == fits, why


def test_a_token_is_carried_out_once() -> None:
    action = actions.parse(json.dumps(RIGHT))
    assert action is not None
    done = CANARY.model_copy(update={"last_action": actions.record(action, done=True, now=NOW)})
    assert actions.pending(json.dumps(RIGHT), done) is None
    assert actions.pending(json.dumps(RIGHT | {"token": "u"}), done) is not None
    assert done.last_action is not None
    assert done.last_action.by == "unverified: ann", "nobody has checked who it was"
