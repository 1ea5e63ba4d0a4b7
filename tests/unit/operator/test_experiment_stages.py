"""Resolve, trials, suspend: table by table, each row with its why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator import samples
from tests.unit.operator.samples import LATER, NOW, condition, history_ids, job, jobs, trial

from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.experiment.decide import decide
from trimtab.experiment.observed import JobObserved, Problem, TrialRecovered
from trimtab.experiment.reasons import Reason
from trimtab.experiment.stages import Stage, stage_of
from trimtab.model.errors import Terminal
from trimtab.model.plan import Create, Delete, Patch, Plan
from trimtab_runtime.contract.errors import Reason as PodReason
from trimtab_runtime.contract.message import Failure, TrialResult


def created(plan: Plan) -> list[str]:
    return [child.body["metadata"]["name"] for child in plan.children if isinstance(child, Create)]


# --- stages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        (ExperimentStatus(), Stage.RESOLVE_DATA),
        (ExperimentStatus(phase="Suspended"), Stage.RESOLVE_DATA),
        (samples.pinned(), Stage.TRAIN),
        (samples.chosen(), Stage.CHOOSE_CHAMPION),
        (samples.evaluating(), Stage.EVALUATE),
        (samples.registering(), Stage.REGISTER),
        (samples.registering(phase="Suspended"), Stage.REGISTER),
        (samples.registering(phase="Succeeded"), Stage.DONE),
        (samples.pinned(phase="Failed"), Stage.DONE),
        (samples.evaluating().model_copy(update={"phase": "GateFailed"}), Stage.DONE),
    ],
)
def test_the_stage_follows_from_status_alone(status: ExperimentStatus, stage: Stage) -> None:
    assert stage_of(status) is stage


# --- resolve -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "phase", "ready", "woken", "why"),
    [
        (None, "Pending", "ResolvingData", False, "nothing was read yet: the next pass reads"),
        (samples.DATA, "Training", "Training", False, "all digests are known"),
        (
            Problem("RegistryUnavailable", "no answer", True),
            "Pending",
            "RegistryUnavailable",
            True,
            "an outage passes, so it is asked again",
        ),
        (
            Problem("DataInvalid", "data[train].uri: no such tag", False),
            "Failed",
            "DataInvalid",
            False,
            "a tag that is not there is the user's to push",
        ),
    ],
)
def test_resolving(data: Any, phase: str, ready: str, woken: bool, why: str) -> None:
    plan = decide(samples.observed(data=data), NOW)
    assert plan.status is not None
    assert (plan.status["phase"], condition(plan.status, "Ready")) == (phase, ("False", ready)), why
    assert (plan.wake_at is not None) == woken, why
    assert not plan.children, "nothing runs before the data is pinned in status"


def test_all_data_is_pinned_at_once() -> None:
    plan = decide(samples.observed(data=samples.DATA), NOW)
    assert plan.status is not None
    assert {entry["name"]: entry["digest"] for entry in plan.status["data"]} == samples.DATA
    assert history_ids(plan.status) == ["data-resolved"]


# --- trials ------------------------------------------------------------------------------------------------

DONE = samples.succeeded_trial
FAILED = {"reason": "TrainingFailed", "message": "container train exited with 1: boom"}


@pytest.mark.parametrize(
    ("trials", "budget", "expected", "why"),
    [
        ([], {"maxTrials": 3}, ["winter-t1-a1"], "one at a time by default"),
        ([], {"maxTrials": 3, "parallelTrials": 2}, ["winter-t1-a1", "winter-t2-a1"], "two at a time"),
        ([DONE()], {"maxTrials": 3}, ["winter-t2-a1"], "the next after one has ended"),
        ([trial()], {"maxTrials": 3}, [], "one runs, no room"),
        (
            [trial(), DONE(2)],
            {"maxTrials": 3, "parallelTrials": 3},
            ["winter-t3-a1"],
            "never more trials than the budget, whatever may run at a time",
        ),
        (
            [trial(1, "Failed", **FAILED)],
            {"maxTrials": 3, "maxFailedTrials": 1},
            ["winter-t2-a1"],
            "a failure within the budget",
        ),
        ([trial(1, "Pending")], {"maxTrials": 3}, ["winter-t1-a1"], "declared, then died: the Job follows"),
        ([trial(1, "Pending", attempt=2)], {"maxTrials": 3}, ["winter-t1-a2"], "of the declared attempt"),
    ],
)
def test_which_trials_start(trials: Any, budget: Any, expected: list[str], why: str) -> None:
    running = [job(f"winter-t{t.index}-a{t.attempt}") for t in trials if t.phase == "Running"]
    started = [t.model_copy(update={"started_at": NOW}) if t.phase == "Running" else t for t in trials]
    observed = samples.observed(
        samples.pinned(trials=tuple(started)), of=samples.spec(budget=budget), jobs=jobs(*running)
    )
    plan = decide(observed, NOW)
    assert created(plan) == expected, why
    declared = [t["index"] for t in (plan.status or {}).get("trials", ())]
    assert declared == list(range(1, len(declared) + 1)), "a Job has its trial in status, written first"


def test_without_a_search_there_is_one_trial_with_the_fixed_parameters() -> None:
    spec = samples.spec(
        search=None, budget={}, trial=samples.spec_wire()["trial"] | {"args": ["$(params.iterations)"]}
    )
    plan = decide(samples.observed(samples.pinned(), of=spec), NOW)
    assert created(plan) == ["winter-t1-a1"]
    (create,) = plan.children
    assert isinstance(create, Create)
    train = create.body["spec"]["template"]["spec"]["initContainers"][1]
    assert train["args"] == ["60"]


RESULT = samples.result()
OTHER = TrialResult(2, samples.MODEL, {"logLoss": 0.1})


@pytest.mark.parametrize(
    ("observed_job", "image", "phase", "reason", "why"),
    [
        (job(state="Succeeded", message=RESULT), samples.IMAGE, "Succeeded", None, "the plain case"),
        (
            job(state="Succeeded", message=OTHER),
            samples.IMAGE,
            "Failed",
            "ResultInvalid",
            "a message of another attempt is none of this trial's",
        ),
        (
            job(state="Succeeded", message=TrialResult(1, samples.MODEL, {"auc": 0.7})),
            samples.IMAGE,
            "Failed",
            "ResultInvalid",
            "without the objective nothing can be compared",
        ),
        (
            job(state="Succeeded", message=samples.evaluation_result()),
            samples.IMAGE,
            "Failed",
            "ResultInvalid",
            "an evaluation's message is no trial's",
        ),
        (
            job(state="Succeeded", message=Failure(1, PodReason.DIGEST_MISMATCH, "train", "differs")),
            samples.IMAGE,
            "Failed",
            "DigestMismatch",
            "what our container says counts even if its Job succeeded",
        ),
        (
            job(state="Succeeded", message=Problem("ResultTruncated", "3000 bytes", False)),
            samples.IMAGE,
            "Failed",
            "ResultTruncated",
            "a message that breaks the contract, and nothing under the tag",
        ),
        (
            job(
                state="Succeeded",
                message=Problem("ResultTruncated", "3000 bytes", False),
                recovered=TrialRecovered(samples.MODEL, {"logLoss": 0.5}),
            ),
            samples.IMAGE,
            "Succeeded",
            None,
            "the artifact under the trial's tag replaces a lost message",
        ),
        (
            job(state="Succeeded", recovered=TrialRecovered(samples.MODEL, {"logLoss": 0.5})),
            samples.IMAGE,
            "Succeeded",
            None,
            "also when the pod is gone",
        ),
        (job(state="Succeeded"), samples.IMAGE, "Failed", "ResultMissing", "neither message nor artifact"),
        (
            job(state="Succeeded", message=RESULT, image=""),
            samples.IMAGE,
            "Succeeded",
            None,
            "no node report, but the spec names the image by digest",
        ),
        (
            job(state="Succeeded", message=RESULT, image=""),
            "registry.example/flights:winter",
            "Failed",
            "ImageUnknown",
            "what cannot be pinned cannot be served",
        ),
        (
            job(state="Failed", failure=Problem("OutOfMemory", "raise limits", False)),
            samples.IMAGE,
            "Failed",
            "OutOfMemory",
            "the pod's own reason",
        ),
        (job(state="Failed"), samples.IMAGE, "Failed", "JobFailed", "nothing is left to say why"),
    ],
)
def test_what_an_ended_job_means(
    observed_job: JobObserved, image: str, phase: str, reason: str | None, why: str
) -> None:
    spec = samples.spec(trial=samples.spec_wire()["trial"] | {"image": image})
    status = samples.pinned(trials=(trial(started_at=NOW),))
    plan = decide(samples.observed(status, of=spec, jobs=jobs(observed_job)), NOW)
    assert plan.status is not None
    ended = plan.status["trials"][0]
    assert (ended["phase"], ended.get("reason")) == (phase, reason), why
    assert history_ids(plan.status) == [f"trial-1-{'succeeded' if phase == 'Succeeded' else 'failed'}"]
    assert not plan.children, "consequences are decided on the written status"


def test_a_long_failure_is_cut_to_what_status_holds() -> None:
    failure = Problem("TrainingFailed", "x" * 5000, False)
    status = samples.pinned(trials=(trial(),))
    plan = decide(samples.observed(status, jobs=jobs(job(state="Failed", failure=failure))), NOW)
    assert plan.status is not None
    ExperimentStatus.model_validate(plan.status)


def test_a_job_that_waits_says_why_in_the_condition() -> None:
    waiting = Problem("ImagePullError", "container train, image x: ErrImagePull", True)
    status = samples.pinned(trials=(trial(1, "Pending"),))
    plan = decide(samples.observed(status, jobs=jobs(job(waiting=waiting, started_at=None))), NOW)
    assert condition(plan.status, "Ready") == ("False", "ImagePullError")
    assert condition(plan.status, "Reconciling") == ("True", "ImagePullError")


def test_a_vanished_job_is_a_new_attempt_and_the_parameters_stay() -> None:
    parameters = {"leaves": "9", "rate": "0.1"}
    status = samples.pinned(trials=(trial(parameters=parameters),))
    plan = decide(samples.observed(status), NOW)
    assert plan.status is not None
    again = plan.status["trials"][0]
    assert (again["attempt"], again["phase"], again["parameters"]) == (2, "Pending", parameters)
    assert history_ids(plan.status) == ["trial-1-attempt-2"]


@pytest.mark.parametrize(
    ("objectives", "goal", "winner", "why"),
    [
        (["0.5", "0.4", "0.6"], "minimize", 2, "the smallest"),
        (["0.5", "0.4", "0.6"], "maximize", 3, "the largest"),
        (["0.4", "0.4"], "minimize", 1, "of equals the first"),
        (["-1e3", "1e-9"], "minimize", 1, "numbers, not texts"),
        ([None, "0.9"], "minimize", 2, "failed trials do not take part"),
    ],
)
def test_who_wins(objectives: list[str | None], goal: str, winner: int, why: str) -> None:
    trials = tuple(
        trial(i, "Failed", **FAILED) if value is None else DONE(i, value)
        for i, value in enumerate(objectives, 1)
    )
    spec = samples.spec(
        objective={"metric": "logLoss", "goal": goal},
        budget={"maxTrials": len(trials), "maxFailedTrials": 1},
    )
    plan = decide(samples.observed(samples.pinned(trials=trials), of=spec), NOW)
    assert plan.status is not None
    assert (plan.status["winner"], plan.status["phase"]) == (winner, "Evaluating"), why


# --- giving up ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trials", "allowed", "reason", "why"),
    [
        ([trial(1, "Failed", **FAILED)], 0, "TrialsFailed", "one more than allowed"),
        (
            [trial(1, "Failed", reason="DataInvalid", message="temp: text")],
            49,
            "DataInvalid",
            "the same data fails every trial, whatever the budget",
        ),
        (
            [trial(1, "Failed", **FAILED), trial(2, "Failed", **FAILED)],
            49,
            "TrialsFailed",
            "all ended, none succeeded",
        ),
        (
            [trial(1, "Failed", **FAILED), trial(2, "Failed", reason="TrialStopped")],
            49,
            "TrialsFailed",
            "the end was decided when a trial was stopped; a raised budget comes too late",
        ),
    ],
)
def test_when_it_is_over(trials: Any, allowed: int, reason: str, why: str) -> None:
    spec = samples.spec(budget={"maxTrials": len(trials), "maxFailedTrials": allowed})
    plan = decide(samples.observed(samples.pinned(trials=tuple(trials)), of=spec), NOW)
    assert plan.status is not None
    assert (plan.status["phase"], condition(plan.status, "Stalled")) == ("Failed", ("True", reason)), why
    assert history_ids(plan.status) == ["end"]


def test_what_still_runs_is_stopped_first_and_is_no_vanished_job() -> None:
    trials = (trial(1, "Failed", **FAILED), trial(2, started_at=NOW))
    spec = samples.spec(budget={"maxTrials": 3, "parallelTrials": 2})
    observed = samples.observed(samples.pinned(trials=trials), of=spec, jobs=jobs(job("winter-t2-a1")))
    plan = decide(observed, NOW)
    assert [(d.name, d.uid, d.resource_version) for d in plan.deletions] == [
        ("winter-t2-a1", "uid-of-winter-t2-a1", "10")
    ]
    assert plan.status is not None
    assert plan.status["phase"] == "Training", "the end is written when nothing runs any more"
    stopped = plan.status["trials"][1]
    assert (stopped["phase"], stopped["reason"], stopped["attempt"]) == ("Failed", "TrialStopped", 1)

    after = decide(samples.observed(ExperimentStatus.model_validate(plan.status), of=spec), LATER)
    assert after.status is not None
    assert (after.status["phase"], history_ids(after.status)) == ("Failed", ["end"])
    assert "1 trials failed, budget.maxFailedTrials is 0" in after.status["history"][0]["message"]


# --- suspend -----------------------------------------------------------------------------------------------


def suspensions(plan: Plan) -> dict[str, bool]:
    return {p.name: p.changes["spec"]["suspend"] for p in plan.children if isinstance(p, Patch)}


RUNNING = (trial(1), trial(2, "Pending"))
TWO = jobs(job("winter-t1-a1"), job("winter-t2-a1", suspended=True))


@pytest.mark.parametrize(
    ("suspend", "phase", "expected", "why"),
    [
        (True, "Training", {"winter-t1-a1": True}, "what runs is suspended; what is, stays"),
        (True, "Suspended", {"winter-t1-a1": True}, "a process that died after the status goes on"),
        (False, "Suspended", {"winter-t2-a1": False}, "resumed"),
        (False, "Pending", {"winter-t2-a1": False}, "died between status and Jobs: nobody wants them held"),
    ],
)
def test_suspending(suspend: bool, phase: str, expected: dict[str, bool], why: str) -> None:
    observed = samples.observed(
        samples.pinned(trials=RUNNING, phase=phase), of=samples.spec(suspend=suspend), jobs=TWO
    )
    plan = decide(observed, NOW)
    assert suspensions(plan) == expected, why
    assert not plan.deletions


@pytest.mark.parametrize(
    "status",
    [ExperimentStatus(), samples.pinned(), samples.chosen(), samples.evaluating(), samples.registering()],
    ids=lambda status: stage_of(status).name,
)
def test_every_stage_can_be_suspended_and_goes_on_where_it_was(status: ExperimentStatus) -> None:
    suspended = decide(samples.observed(status, of=samples.spec(suspend=True), generation=2), NOW)
    assert suspended.status is not None
    assert condition(suspended.status, "Ready") == ("False", "Suspended")
    held = ExperimentStatus.model_validate(suspended.status)
    assert stage_of(held) is stage_of(status)
    resumed = decide(samples.observed(held, generation=3), LATER)
    assert resumed.status is not None
    assert stage_of(ExperimentStatus.model_validate(resumed.status)) is stage_of(status)
    assert history_ids(resumed.status) == ["suspended-2", "resumed-3"]


def test_another_change_of_a_suspended_spec_is_no_second_suspension() -> None:
    spec = samples.spec(suspend=True)
    first = decide(samples.observed(samples.pinned(), of=spec, generation=2), NOW)
    status = ExperimentStatus.model_validate(first.status)
    second = decide(samples.observed(status, of=spec, generation=3), LATER)
    assert second.status is not None
    assert second.status["observedGeneration"] == 3
    assert history_ids(second.status) == ["suspended-2"]


@pytest.mark.parametrize("phase", ["Succeeded", "GateFailed", "Failed"])
def test_an_ended_experiment_is_not_suspended(phase: str) -> None:
    status = samples.registering(phase=phase, observed_generation=2)
    assert decide(samples.observed(status, of=samples.spec(suspend=True), generation=2), NOW).is_empty


# --- statuses that only a hand can have written -------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "field"),
    [
        (samples.pinned(data=samples.pinned().data[:2]), "status.data lacks reference"),
        (samples.evaluating("Pending").model_copy(update={"winner": 7}), "status.winner 7"),
        (samples.evaluating("Pending").model_copy(update={"trials": (trial(1),)}), "status.winner 1"),
        (samples.registering(trials=()), "status.winner 1"),
    ],
)
def test_an_edited_status_is_named_and_not_a_bug(status: ExperimentStatus, field: str) -> None:
    observed = samples.observed(
        status, versions=(), artifact=samples.artifact(), reservations=samples.reservations()
    )
    with pytest.raises(Terminal, match=field) as error:
        decide(observed, NOW)
    assert error.value.reason == Reason.INVALID_STATUS


def test_a_contract_that_fits_no_pod_ends_with_its_remedy() -> None:
    columns = {
        f"c{i}": {"type": "string", "categories": [f"{j:03d}" + "x" * 120 for j in range(100)]}
        for i in range(20)
    }
    spec = samples.spec(dataContract={"label": "late", "columns": columns})
    plan = decide(samples.observed(samples.pinned(), of=spec), NOW)
    assert plan.status is not None
    assert (plan.status["phase"], condition(plan.status, "Stalled")) == ("Failed", ("True", "ConfigInvalid"))
    assert "declare fewer categories" in plan.status["history"][-1]["message"]


# --- times -------------------------------------------------------------------------------------------------


def test_conditions_keep_their_time_while_their_status_stays() -> None:
    first = decide(samples.observed(samples.pinned()), NOW)
    status = ExperimentStatus.model_validate(first.status)
    second = decide(samples.observed(status, jobs=jobs(job())), NOW + timedelta(hours=1))
    assert second.status is not None
    times = {c["type"]: c["lastTransitionTime"] for c in second.status["conditions"]}
    assert set(times.values()) == {"2026-03-04T05:06:07Z"}


def test_stopping_never_deletes_what_has_ended() -> None:
    trials = (trial(1, "Failed", **FAILED), DONE(2))
    spec = samples.spec(budget={"maxTrials": 3})
    ended = job("winter-t2-a1", state="Succeeded", message=RESULT)
    plan = decide(samples.observed(samples.pinned(trials=trials), of=spec, jobs=jobs(ended)), NOW)
    assert not [d for d in plan.deletions if isinstance(d, Delete)]
