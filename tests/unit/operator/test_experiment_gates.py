"""From the winner to the version: champion, evaluation, gates, registration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator import samples
from tests.unit.operator.conftest import Golden
from tests.unit.operator.samples import NOW, condition, history_ids, job, jobs

from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.apis.v1alpha1.gates import Gate
from trimtab.apis.v1alpha1.modelversion import ModelVersionSpec
from trimtab.experiment import gates
from trimtab.experiment.champion import champion_of
from trimtab.experiment.decide import decide
from trimtab.experiment.observed import DeploymentOfModel, Problem, VersionObserved
from trimtab.model.kinds import CONFIG_MAP, MODEL_VERSION
from trimtab.model.plan import Create, Plan, Replace
from trimtab_runtime.contract.errors import Reason as PodReason
from trimtab_runtime.contract.message import Failure

# --- champion ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("versions", "champion", "why"),
    [
        ([], None, "the first version of a model has nothing to beat"),
        ([samples.version(1), samples.version(2)], "flights-v2", "the highest"),
        ([samples.version(10), samples.version(9)], "flights-v10", "by number, not by text"),
        ([samples.version(1), samples.version(2, approved=False)], "flights-v1", "only approved ones"),
        ([samples.version(2, approved=False)], None, "none approved is none"),
    ],
)
def test_champions(versions: list[VersionObserved], champion: str | None, why: str) -> None:
    chosen = champion_of(versions, (), None)
    assert not isinstance(chosen, Problem)
    assert (chosen.model_version if chosen else None) == champion, why


@pytest.mark.parametrize(
    ("deployments", "named", "champion", "why"),
    [
        ({"front": "flights-v1"}, None, "flights-v1", "what serves, not what is newest"),
        ({"front": ""}, None, "flights-v2", "a Deployment that serves nothing yet says nothing"),
        ({"a": "flights-v1", "b": "flights-v2"}, "a", "flights-v1", "the one that the spec names"),
        ({"a": "flights-v1", "b": "flights-v2"}, None, "ChampionAmbiguous", "no guessing"),
        ({"a": "flights-v1"}, "z", "ChampionAmbiguous", "the named one does not exist"),
    ],
)
def test_champions_that_serve(
    deployments: dict[str, str], named: str | None, champion: str, why: str
) -> None:
    versions = [samples.version(1), samples.version(2)]
    served = [DeploymentOfModel(name, stable) for name, stable in deployments.items()]
    chosen = champion_of(versions, served, named)
    shown = chosen.reason if isinstance(chosen, Problem) else chosen and chosen.model_version
    assert shown == champion, why


def test_a_quarantined_version_is_no_champion() -> None:
    chosen = champion_of([samples.version(1), samples.version(2, quarantined=True)], (), None)
    assert not isinstance(chosen, Problem)
    assert chosen is not None
    assert chosen.model_version == "flights-v1"


def test_the_champion_is_in_status_before_the_job_exists() -> None:
    observed = samples.observed(samples.chosen(), versions=(samples.version(1),))
    plan = decide(observed, NOW)
    assert plan.status is not None
    assert plan.status["evaluation"]["champion"]["modelVersion"] == "flights-v1"
    assert plan.status["evaluation"]["dataDigest"] == samples.DATA["evaluation"]
    assert not plan.children
    after = decide(samples.observed(ExperimentStatus.model_validate(plan.status)), NOW)
    assert [c.body["metadata"]["name"] for c in after.children if isinstance(c, Create)] == ["winter-eval-a1"]


def test_a_vanished_evaluation_job_is_a_new_attempt_against_the_same_champion() -> None:
    plan = decide(samples.observed(samples.evaluating()), NOW)
    assert plan.status is not None
    again = plan.status["evaluation"]
    assert (again["attempt"], again["phase"]) == (2, "Pending")
    assert again["champion"]["modelVersion"] == "flights-v1"
    assert history_ids(plan.status) == ["evaluation-attempt-2"]


@pytest.mark.parametrize(
    ("attempt", "phase", "why"),
    [
        (1, "Evaluating", "its result lay in the pod alone: it is computed again"),
        (2, "Evaluating", "and once more"),
        (3, "Failed", "but not for ever: somebody deletes its pods"),
    ],
)
def test_an_evaluation_whose_pod_is_gone_is_done_again(attempt: int, phase: str, why: str) -> None:
    status = samples.evaluating()
    assert status.evaluation is not None
    status = status.model_copy(
        update={"evaluation": status.evaluation.model_copy(update={"attempt": attempt})}
    )
    gone = job(f"winter-eval-a{attempt}", "Succeeded")
    plan = decide(samples.observed(status, jobs=jobs(gone)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == phase, why
    if phase == "Failed":
        assert condition(plan.status, "Stalled") == ("True", "ResultMissing")
    else:
        assert plan.status["evaluation"]["attempt"] == attempt + 1


# --- gates -------------------------------------------------------------------------------------------------

WORSE = samples.comparison(difference=-0.02, interval=(-0.05, 0.01))
CLEAR = samples.comparison(difference=0.02, interval=(-0.005, 0.05))


@pytest.mark.parametrize(
    ("gate", "compared", "has_champion", "verdict", "why"),
    [
        ({"metric": "auc", "min": "0.7"}, (), True, "Pass", "bounds are inclusive"),
        ({"metric": "auc", "min": "0.71"}, (), True, "Fail", "below the lower bound"),
        ({"metric": "auc", "max": "0.69"}, (), True, "Fail", "above the upper bound"),
        ({"metric": "auc", "min": "6e-1", "max": "0.8"}, (), True, "Pass", "between both; 6e-1 is a number"),
        ({"notWorseThan": "Champion", "tolerance": "0"}, (CLEAR,), True, "Pass", "better"),
        ({"notWorseThan": "Champion", "tolerance": "0"}, (WORSE,), True, "Fail", "worse, and no tolerance"),
        ({"notWorseThan": "Champion", "tolerance": "0.02"}, (WORSE,), True, "Pass", "just within tolerance"),
        (
            {"notWorseThan": "Champion", "tolerance": "0.01", "require": "LowerBound"},
            (CLEAR,),
            True,
            "Pass",
            "the lower bound keeps within tolerance",
        ),
        (
            {"notWorseThan": "Champion", "tolerance": "0.001", "require": "LowerBound"},
            (CLEAR,),
            True,
            "Fail",
            "better on these rows, but not surely",
        ),
        (
            {"notWorseThan": "Champion", "tolerance": "0.01", "require": "LowerBound"},
            (samples.comparison(interval=None, groups=1),),
            True,
            "Invalid",
            "one group has no interval",
        ),
        ({"notWorseThan": "Champion", "tolerance": "0"}, (), False, "Pass", "nothing to compare with"),
        (
            {"notWorseThan": "Champion", "tolerance": "0"},
            (),
            True,
            "Invalid",
            "a comparison that is owed and missing is no pass",
        ),
        (
            {"notWorseThan": "Champion", "tolerance": "0"},
            (WORSE,),
            False,
            "Pass",
            "there is no champion, whatever the message says",
        ),
    ],
)
def test_verdicts(gate: Mapping[str, str], compared: Any, has_champion: bool, verdict: str, why: str) -> None:
    described = Gate.model_validate({"metric": "logLoss"} | dict(gate))
    result = samples.evaluation_result(gates=compared)
    assert gates.judge(described, result, has_champion=has_champion).verdict == verdict, why


def test_a_metric_that_was_not_measured_is_invalid() -> None:
    judged = gates.judge(
        Gate(metric="brier", max="1"), samples.evaluation_result(metrics={"auc": 0.7}), has_champion=True
    )
    assert (judged.verdict, judged.reason) == ("Invalid", "ResultInvalid")


def test_a_gate_keeps_the_numbers_that_decided_it() -> None:
    gate = Gate(metric="logLoss", not_worse_than="Champion", tolerance="0")
    judged = gates.judge(gate, samples.evaluation_result(gates=(WORSE,)), has_champion=True)
    assert judged.to_wire() == {
        "metric": "logLoss",
        "verdict": "Fail",
        "challenger": "0.55",
        "champion": "0.56",
        "difference": "-0.02",
        "interval": ["-0.05", "0.01"],
        "groups": 30,
    }
    assert gates.describe(judged) == (
        "logLoss Fail, challenger 0.55, champion 0.56, difference -0.02, interval -0.05..0.01 over 30 groups"
    )


@pytest.mark.parametrize(
    ("parts", "phase", "ready", "passed", "why"),
    [
        ({}, "Registering", "Registering", ("True", "GatesPassed"), "all gates pass"),
        ({"gates": (WORSE,)}, "GateFailed", "GateFailed", ("False", "GateFailed"), "worse than the champion"),
        ({"gates": ()}, "GateFailed", "GateInvalid", ("False", "GateInvalid"), "not judged is not passed"),
        (
            {"attempt": 2},
            "Failed",
            "ResultInvalid",
            ("Unknown", "GatesPending"),
            "the message of another attempt",
        ),
        (
            {"data_digest": samples.digest("0")},
            "Failed",
            "ResultInvalid",
            ("Unknown", "GatesPending"),
            "measured on other rows",
        ),
    ],
)
def test_an_evaluation_that_ended(
    parts: Any, phase: str, ready: str, passed: tuple[str, str], why: str
) -> None:
    ended = job("winter-eval-a1", "Succeeded", message=samples.evaluation_result(**parts))
    plan = decide(samples.observed(samples.evaluating(), jobs=jobs(ended)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == phase, why
    assert condition(plan.status, "Ready") == ("False", ready), why
    assert condition(plan.status, "GatesPassed") == passed, why
    assert not plan.children


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (job("winter-eval-a1", "Failed"), "JobFailed"),
        (job("winter-eval-a1", "Failed", failure=Problem("GateInvalid", "overlap", False)), "GateInvalid"),
        (job("winter-eval-a1", "Succeeded", message=samples.result()), "ResultInvalid"),
        (
            job("winter-eval-a1", "Succeeded", message=Failure(1, PodReason.RUNTIME_MISMATCH, "", "")),
            "ResultInvalid",
        ),
        (
            job("winter-eval-a1", "Succeeded", message=Problem("ResultTruncated", "cut", False)),
            "ResultTruncated",
        ),
    ],
)
def test_an_evaluation_without_a_result_ends_the_experiment(ended: Any, reason: str) -> None:
    plan = decide(samples.observed(samples.evaluating(), jobs=jobs(ended)), NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Failed"
    assert condition(plan.status, "Stalled") == ("True", reason)


def test_an_evaluation_that_cannot_start_says_why() -> None:
    held = job("winter-eval-a1", waiting=Problem("PodUnschedulable", "0/3 nodes", True))
    plan = decide(samples.observed(samples.evaluating(), jobs=jobs(held)), NOW)
    assert condition(plan.status, "Ready") == ("False", "PodUnschedulable")


# --- registration ------------------------------------------------------------------------------------------


def register(**parts: Any) -> Plan:
    known: dict[str, Any] = {
        "status": samples.registering(),
        "versions": (),
        "artifact": samples.artifact(),
        "reservations": samples.reservations(),
    }
    return decide(samples.observed(**(known | parts)), NOW)


def mine(number: int, body: Mapping[str, Any] | None = None) -> Any:
    stored = body or samples.config_map(highWater=str(number))
    return samples.reservations(stored, high_water=number, reserved={samples.UID: number})


RESERVED = ExperimentStatus.model_validate(samples.registering().to_wire() | {"result": {"reserved": 3}})


@pytest.mark.parametrize(
    ("reservations", "versions", "number", "why"),
    [
        (samples.reservations(), (), "1", "the first number of a model"),
        (samples.reservations(samples.config_map(highWater="4"), high_water=4), (), "5", "above the mark"),
        (
            samples.reservations(samples.config_map(), high_water=0),
            (samples.version(7, approved=False),),
            "8",
            "above every version there is, also after the mark was lost",
        ),
        (
            samples.reservations(samples.config_map(highWater="9"), high_water=9),
            (samples.version(2),),
            "10",
            "gaps are allowed, reuse is not",
        ),
        (mine(3), (samples.version(3),), "4", "our number was taken by another: reserve again"),
        (
            mine(3),
            (samples.version(3, experiment_uid=samples.UID),),
            "4",
            "a version with our uid and other bytes is another's",
        ),
    ],
)
def test_reserving(reservations: Any, versions: Any, number: str, why: str) -> None:
    plan = register(reservations=reservations, versions=versions)
    (write,) = plan.children
    assert isinstance(write, Create | Replace)
    assert write.kind is CONFIG_MAP
    assert write.body["data"]["highWater"] == number, why
    assert write.body["data"][f"reserved.{samples.UID}"] == number
    if isinstance(write, Replace):
        assert write.body["metadata"]["resourceVersion"] == "5", "two Experiments cannot take one number"


def test_reserving_keeps_what_others_have_reserved() -> None:
    body = samples.config_map(**{"highWater": "2", "reserved.other": "2", "retrains": "[]"})
    (write,) = register(reservations=samples.reservations(body, high_water=2)).children
    assert isinstance(write, Replace)
    assert write.body["data"] == body["data"] | {"highWater": "3", f"reserved.{samples.UID}": "3"}


def test_the_four_arrows_are_four_passes() -> None:
    reserve = register()
    assert [type(w).__name__ for w in reserve.children] == ["Create"]
    note = register(reservations=mine(3))
    assert note.status is not None
    assert (note.status["result"], note.children) == ({"reserved": 3}, ())
    make = register(status=RESERVED, reservations=mine(3))
    assert [w.kind for w in make.children if isinstance(w, Create)] == [MODEL_VERSION]
    end = register(status=RESERVED, reservations=mine(3), versions=(samples.our_version(3),))
    assert end.status is not None
    assert end.status["result"] == {"reserved": 3, "modelVersion": "flights-v3"}
    assert (end.status["phase"], condition(end.status, "Ready")) == ("Succeeded", ("True", "Registered"))
    assert condition(end.status, "Reconciling") is None
    assert condition(end.status, "Stalled") is None


def test_a_lost_config_map_makes_no_second_version() -> None:
    plan = register(status=RESERVED, versions=(samples.our_version(3),))
    assert plan.status is not None
    assert plan.status["result"] == {"reserved": 3, "modelVersion": "flights-v3"}
    assert not plan.children


def test_a_model_nobody_can_load_is_refused_before_a_number_is_spent() -> None:
    record = replace(samples.artifact().record, card=None)
    plan = register(artifact=samples.artifact(format="", record=record))
    assert plan.status is not None
    assert condition(plan.status, "Stalled") == ("True", "ResultInvalid")
    message = plan.status["history"][-1]["message"]
    assert "model/model.json" in message
    assert "save_model" in message
    assert not plan.children


@pytest.mark.parametrize(
    ("problem", "phase", "woken"),
    [
        (Problem("RegistryUnavailable", "no answer", True), "Registering", True),
        (Problem("ArtifactMissing", "gone", False), "Failed", False),
    ],
)
def test_an_artifact_that_cannot_be_read(problem: Problem, phase: str, woken: bool) -> None:
    plan = register(artifact=problem)
    assert plan.status is not None
    assert (plan.status["phase"], plan.wake_at is not None) == (phase, woken)
    assert condition(plan.status, "Ready") == ("False", problem.reason)


def test_the_version_as_it_is_sent(golden: Golden) -> None:
    (create,) = register(status=RESERVED, reservations=mine(3)).children
    assert isinstance(create, Create)
    ModelVersionSpec.model_validate(create.body["spec"])
    assert create.identity == (("spec", "lineage", "experiment", "uid"), samples.UID)
    assert create.redecide_if_foreign, "a taken name is a reason to reserve again, not to stop"
    golden("modelversion", json.loads(json.dumps(create.body)))


def test_a_model_without_a_profile_has_no_profile_digest() -> None:
    (create,) = register(
        status=RESERVED, reservations=mine(3), artifact=samples.artifact(profile_digest="")
    ).children
    assert isinstance(create, Create)
    assert "profileDigest" not in create.body["spec"]
    ModelVersionSpec.model_validate(create.body["spec"])
