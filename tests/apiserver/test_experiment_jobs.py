"""Jobs that are suspended, vanish, or are somebody else's; and kills in the middle of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.apiserver import samples
from tests.harness.api import CONFIG_MAP, EXPERIMENT, JOB, MODEL_VERSION, POD, condition, phase, wait_until
from tests.harness.lab import SINGLE, Lab, plant_approved_version
from tests.harness.plays import Run, Succeed
from tests.harness.proxy import Answer, Fault, Kill, NoAnswer, Request, Side

Object = dict[str, Any]
SUSPEND = {"spec": {"suspend": True}}
RESUME = {"spec": {"suspend": False}}


def suspended(lab: Lab) -> list[bool]:
    return [job["spec"]["suspend"] for job in lab.api.list(JOB)]


def running(lab: Lab, count: int) -> None:
    """Wait until the trials of a new Experiment run."""
    lab.player.script = lambda pod: Run()
    lab.create(lab.experiment())
    lab.api.wait(EXPERIMENT, "flights", lambda e: _phases(e) == ["Running"] * count)
    wait_until(lambda: len(lab.api.list(POD)) == count, f"{count} pods")


def _phases(experiment: Object) -> list[str]:
    return [trial["phase"] for trial in experiment.get("status", {}).get("trials", ())]


def go_on(lab: Lab) -> None:
    lab.player.script = lambda pod: Succeed()


# --- suspend and resume -----------------------------------------------------------------------------------


def test_suspend_ends_the_pods_and_resume_begins_them_again(lab: Lab) -> None:
    lab.run_operator()
    running(lab, 2)
    lab.api.patch(EXPERIMENT, "flights", SUSPEND)
    lab.api.wait(EXPERIMENT, "flights", lambda e: phase(e) == "Suspended")
    wait_until(lambda: suspended(lab) == [True, True], "both Jobs to be suspended")
    wait_until(lambda: lab.api.list(POD) == [], "their pods to end")
    assert condition(lab.api.get(EXPERIMENT, "flights"), "Reconciling")["reason"] == "Suspended"
    go_on(lab)
    lab.api.patch(EXPERIMENT, "flights", RESUME)
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert [trial["attempt"] for trial in done["status"]["trials"]] == [1, 1, 1]


def test_an_experiment_created_suspended_starts_nothing(lab: Lab) -> None:
    lab.run_operator()
    lab.create(lab.experiment(edits={"spec.suspend": True}))
    waiting = lab.wait_reason("Suspended")
    assert lab.api.list(JOB) == [] and "data" not in waiting["status"]
    lab.api.patch(EXPERIMENT, "flights", RESUME)
    assert phase(lab.ended()) == "Succeeded"


def kill_at(lab: Lab, holds: Any, side: Side) -> Kill:
    """A kill at the first write of the current operator that `holds`."""
    victim = lab.operators[-1]
    kill = Kill(holds, side, victim.kill)
    lab.proxy.fault = kill
    return kill


def replace_the_dead(lab: Lab) -> None:
    wait_until(lambda: not lab.operators[-1].is_running, "the kill")
    lab.proxy.fault = Fault()
    lab.successor()


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_kill_between_status_and_jobs_suspends_them_all_the_same(lab: Lab, side: Side) -> None:
    lab.run_operator()
    running(lab, 2)
    kill_at(lab, lambda write: write.verb == "PATCH" and write.resource == "jobs", side)
    lab.api.patch(EXPERIMENT, "flights", SUSPEND)
    replace_the_dead(lab)
    wait_until(lambda: suspended(lab) == [True, True], "both Jobs to be suspended")
    kill_at(lab, lambda write: write.verb == "PATCH" and write.resource == "jobs", side)
    go_on(lab)
    lab.api.patch(EXPERIMENT, "flights", RESUME)
    replace_the_dead(lab)
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert [trial["attempt"] for trial in done["status"]["trials"]] == [1, 1, 1]


# --- Jobs that vanish or are not ours -----------------------------------------------------------------------


def test_a_job_that_vanishes_before_its_result_is_attempt_two(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-t1-a1", Run())
    lab.create(lab.experiment(edits=SINGLE))
    lab.api.wait(EXPERIMENT, "flights", lambda e: _phases(e) == ["Running"])
    lab.api.delete(JOB, "flights-t1-a1")
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert done["status"]["trials"][0]["attempt"] == 2
    assert "TrialRestarted" in [entry["reason"] for entry in done["status"]["history"]]


def test_a_job_that_vanishes_after_its_result_changes_nothing(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-eval-a1", Run())
    lab.create(lab.experiment(edits=SINGLE))
    lab.api.wait(EXPERIMENT, "flights", lambda e: phase(e) == "Evaluating")
    lab.api.wait(JOB, "flights-eval-a1", lambda j: True)
    lab.api.delete(JOB, "flights-t1-a1")
    lab.api.wait_gone(JOB, "flights-t1-a1")
    lab.player.play("flights-eval-a1", Succeed())
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert done["status"]["trials"][0]["attempt"] == 1


def test_an_evaluation_that_vanishes_is_run_again(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-eval-a1", Run())
    lab.create(lab.experiment(edits=SINGLE))
    lab.api.wait(
        EXPERIMENT, "flights", lambda e: e.get("status", {}).get("evaluation", {}).get("phase") == "Running"
    )
    lab.api.delete(JOB, "flights-eval-a1")
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert done["status"]["evaluation"]["attempt"] == 2


def foreign_job(name: str) -> Object:
    container = {"name": "theirs", "image": "registry.example/theirs:1"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    spec = {"suspend": True, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def test_a_foreign_job_with_the_name_stays_untouched(lab: Lab) -> None:
    lab.run_operator(sweepSeconds=1)
    theirs = lab.api.create(JOB, foreign_job("flights-t1-a1"))
    theirs = lab.api.wait(JOB, "flights-t1-a1", lambda j: condition(j, "Suspended"))
    lab.create(lab.experiment(edits=SINGLE))
    stalled = lab.wait_reason("NameConflict", type_="Stalled")
    message = condition(stalled, "Stalled")["message"]
    assert "flights-t1-a1" in message and "delete it" in message
    assert lab.api.get(JOB, "flights-t1-a1") == theirs
    lab.api.delete(JOB, "flights-t1-a1")
    assert phase(lab.ended()) == "Succeeded", "a sweep sees that the name is free"


# --- version numbers ----------------------------------------------------------------------------------------


def test_a_number_taken_by_hand_is_passed_over(lab: Lab) -> None:
    lab.run_operator()
    by_hand = {"metadata.name": "flights-v1", "spec.version": 1}
    lab.api.create(MODEL_VERSION, samples.edited(samples.model_version(), by_hand))
    done = lab.run_experiment(edits=SINGLE)
    assert done["status"]["result"] == {"reserved": 2, "modelVersion": "flights-v2"}
    assert done["status"]["gates"][1]["reason"] == "NoChampion", "an unproved version is no champion"


class TakeTheNumber(Fault):
    """Lets somebody else create the version after its number was reserved, just before we do."""

    def __init__(self, lab: Lab, edits: Object) -> None:
        self._lab = lab
        self._edits = edits
        self.taken = 0

    async def before(self, request: Request) -> Answer | None:
        if request.verb == "POST" and request.resource == "modelversions" and not self.taken:
            self.taken = 1
            self._lab.api.create(MODEL_VERSION, samples.edited(samples.model_version(), self._edits))
        return None


@pytest.mark.parametrize("lineage", ["foreign", "copied"])
def test_a_version_slipped_in_under_our_number_is_not_adopted(lab: Lab, lineage: str) -> None:
    created = lab.create(lab.experiment(edits=SINGLE))
    edits: Object = {"metadata.name": "flights-v1", "spec.version": 1}
    if lineage == "copied":
        edits["spec.lineage.experiment"] = {"name": "flights", "uid": created["metadata"]["uid"]}
    lab.proxy.fault = TakeTheNumber(lab, edits)
    lab.run_operator(sweepSeconds=1)
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert done["status"]["result"] == {"reserved": 2, "modelVersion": "flights-v2"}
    ours = lab.api.wait(MODEL_VERSION, "flights-v2", lambda v: phase(v) == "Approved")
    assert ours["spec"]["artifact"]["digest"] == done["status"]["trials"][0]["manifestDigest"]
    theirs = lab.api.wait(
        MODEL_VERSION, "flights-v1", lambda v: condition(v, "Approved").get("reason") == "UnknownOrigin"
    )
    assert phase(theirs) == "Registered"


def test_two_experiments_of_one_model_take_two_numbers(lab: Lab) -> None:
    lab.run_operator()
    plant_approved_version(lab.api, 1)
    for name in ("one", "two", "three"):
        lab.create(lab.experiment(name, SINGLE))
    results = [lab.ended(name)["status"]["result"]["modelVersion"] for name in ("one", "two", "three")]
    assert sorted(results) == ["flights-v2", "flights-v3", "flights-v4"]
    assert lab.api.get(CONFIG_MAP, "trimtab-model-flights")["data"]["highWater"] == "4"


class LoseAnswers(Fault):
    """The server carries every write out, but the first answer to each is lost."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    async def after(self, request: Request, answer: Answer) -> Answer:
        if request.index is not None and answer.status < 300 and request.name not in self.lost:
            self.lost.add(request.name)
            raise NoAnswer
        return answer


def test_answers_that_are_lost_make_nothing_twice(lab: Lab) -> None:
    lab.run_operator()
    lab.proxy.fault = LoseAnswers()
    done = lab.run_experiment(edits=SINGLE)
    assert phase(done) == "Succeeded"
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    assert [job["metadata"]["name"] for job in lab.api.list(JOB)] == ["flights-eval-a1", "flights-t1-a1"]
    assert len(lab.api.list(MODEL_VERSION)) == 1
