"""Bad input and broken pods: each is met with a reason, a message that says what to change, and no damage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from tests.harness.api import EXPERIMENT, JOB, MODEL_VERSION, POD, condition, phase, wait_until
from tests.harness.lab import SINGLE, Lab, data_uri
from tests.harness.plays import Fail, Play, Stuck, Succeed, failing
from tests.registry import LocalRegistry, write_docker_config

from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.message import TrialResult, format_message

Object = dict[str, Any]
DIGEST = "sha256:" + "c" * 64
NO_RETRY = {**SINGLE, "spec.trial.retries": 2}


def shown(experiment: Object) -> tuple[str, str]:
    """Reason and message as Ready shows them; Stalled must say the same."""
    ready, stalled = condition(experiment, "Ready"), condition(experiment, "Stalled")
    assert (ready["status"], stalled["status"]) == ("False", "True")
    assert (ready["reason"], ready["message"]) == (stalled["reason"], stalled["message"])
    return ready["reason"], ready["message"]


# --- data and registry ------------------------------------------------------------------------------------


def test_a_tag_that_does_not_exist(lab: Lab) -> None:
    lab.run_operator()
    uri = data_uri(lab.registry, "train").replace("current", "yesterday")
    done = lab.run_experiment(edits={"spec.data[0].uri": uri})
    reason, message = shown(done)
    assert (phase(done), reason) == ("Failed", "DataInvalid")
    assert "data[train].uri" in message and "push the data first" in message
    assert lab.api.list(JOB) == []


def test_data_in_another_registry(lab: Lab) -> None:
    lab.run_operator()
    done = lab.run_experiment(edits={"spec.data[0].uri": "oci://elsewhere.example/flights/train:current"})
    reason, message = shown(done)
    assert reason == "DataInvalid"
    assert "data[train].uri" in message and "another registry" in message


def test_a_registry_that_is_away_and_comes_back(lab: Lab, own_registry: LocalRegistry) -> None:
    lab.registry = lab.player.registry = own_registry
    own_registry.stop()
    lab.run_operator()
    lab.create(lab.experiment(edits=SINGLE))
    waiting = lab.wait_reason("RegistryUnavailable")
    assert condition(waiting, "Reconciling")["status"] == "True"
    assert condition(waiting, "Stalled") == {}
    own_registry.start()
    assert phase(lab.ended()) == "Succeeded"


def test_a_registry_that_refuses_the_password_until_it_is_rotated(
    lab: Lab, own_registry: LocalRegistry
) -> None:
    lab.registry = lab.player.registry = own_registry
    password, credentials = own_registry.password, own_registry.credentials
    write_docker_config(credentials, own_registry.host, own_registry.user, "not the password")
    operator = lab.run_operator()
    lab.create(lab.experiment(edits=SINGLE))
    waiting = lab.wait_reason("RegistryUnauthorized")
    assert condition(waiting, "Reconciling")["status"] == "True"
    assert "not the password" not in json.dumps(waiting) + operator.log.read_text()
    write_docker_config(credentials, own_registry.host, own_registry.user, password)
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert password not in json.dumps(done) + operator.log.read_text()


# --- what containers of a trial report ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "field", "text"),
    [
        (Reason.DATA_INVALID, "train.csv/temp", "column temp is not in the data"),
        (Reason.SPLIT_OVERLAP, "evaluation", "12 rows are also in train"),
        (Reason.TIME_LEAK, "evaluation", "begins before train ends"),
    ],
    ids=str,
)
def test_data_that_fetch_refuses_is_tried_once_and_ends_the_search(
    lab: Lab, reason: Reason, field: str, text: str
) -> None:
    """Exit code 42: neither a second pod nor a further trial would see other data."""
    lab.run_operator()
    lab.player.script = lambda pod: failing("fetch", reason, field, text)
    edits = {
        "spec.trial.retries": 2,
        "spec.budget": {"maxTrials": 3, "parallelTrials": 1, "maxFailedTrials": 2},
    }
    done = lab.run_experiment(edits=edits)
    assert phase(done) == "Failed"
    assert shown(done) == (str(reason), f"{field}: {text}")
    assert [(pod.job, pod.number) for pod in lab.player.seen] == [("flights-t1-a1", 1)]
    assert lab.api.list(MODEL_VERSION) == []


def test_training_that_fails_is_retried_and_then_fails_the_experiment(lab: Lab) -> None:
    lab.run_operator()
    lab.player.script = lambda pod: Fail("train", 1, "Traceback\nValueError: no such column")
    done = lab.run_experiment(edits={**SINGLE, "spec.trial.retries": 1})
    reason, message = shown(done)
    assert (phase(done), reason) == ("Failed", "TrialsFailed")
    assert "ValueError: no such column" in message and "maxFailedTrials is 0" in message
    assert [pod.number for pod in lab.player.seen] == [1, 2]
    assert done["status"]["trials"][0]["reason"] == "TrainingFailed"


def test_a_retry_that_succeeds_counts(lab: Lab) -> None:
    lab.run_operator()
    lab.player.script = lambda pod: Fail("train", 1) if (pod.trial, pod.number) == (1, 1) else Succeed()
    done = lab.run_experiment(edits={**SINGLE, "spec.trial.retries": 1})
    assert phase(done) == "Succeeded"
    assert done["status"]["trials"][0]["attempt"] == 1, "a retry inside the Job is no new attempt"


def test_as_many_trials_may_fail_as_the_budget_says(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-t2-a1", Fail("train", 1, reason="OOMKilled"))
    done = lab.run_experiment()
    assert phase(done) == "Succeeded"
    assert done["status"]["winner"] == 3
    failed = done["status"]["trials"][1]
    assert failed["reason"] == "OutOfMemory"
    assert "resources.limits.memory" in failed["message"]


def lying(attempt: int = 1, digest: str = DIGEST, metrics: dict[str, float] | None = None) -> str:
    """A well-formed message that is not true."""
    return format_message(TrialResult(attempt, digest, metrics or {"logLoss": 0.1})).decode()


@dataclass(frozen=True)
class BadResult:
    name: str
    play: Play
    reason: str
    names: str


BAD_RESULTS = (
    BadResult(
        "train leaves nothing",
        failing("publish", Reason.RESULT_MISSING, "model/", "the training container ended without a model"),
        "ResultMissing",
        "model/",
    ),
    BadResult("publish leaves nothing", Succeed(message="", publish=False), "ResultMissing", "result"),
    BadResult(
        "garbage",
        Succeed(message="\x1b]0;pwned\x07 <html>", publish=False),
        "ResultInvalid",
        "terminationMessage",
    ),
    BadResult(
        "NaN",
        Succeed(message=lying().replace("0.1", "NaN"), publish=False),
        "ResultInvalid",
        "NaN",
    ),
    BadResult("1 MB", Succeed(message="x" * 1_000_000, publish=False), "ResultTruncated", "2048"),
    BadResult(
        "another attempt's",
        Succeed(message=lying(attempt=7), publish=False),
        "ResultInvalid",
        "attempt",
    ),
    BadResult(
        "no objective",
        Succeed(message=lying(metrics={"auc": 0.9}), publish=False),
        "ResultInvalid",
        "logLoss",
    ),
    BadResult(
        "a uri",
        Succeed(message='{"contract":1,"attempt":1,"uri":"oci://evil.example/x"}', publish=False),
        "ResultInvalid",
        "manifestDigest",
    ),
)


@pytest.mark.parametrize("bad", BAD_RESULTS, ids=lambda bad: bad.name)
def test_a_result_that_is_none(lab: Lab, bad: BadResult) -> None:
    lab.run_operator()
    lab.player.script = lambda pod: bad.play
    done = lab.run_experiment(edits=NO_RETRY)
    assert phase(done) == "Failed"
    trial = done["status"]["trials"][0]
    assert (trial["phase"], trial["reason"]) == ("Failed", bad.reason)
    assert bad.names in trial["message"]
    assert shown(done)[0] == "TrialsFailed" and bad.reason in shown(done)[1]
    assert "evil.example" not in json.dumps(done)
    assert lab.api.list(MODEL_VERSION) == []


def test_a_digest_the_registry_lacks_makes_no_version(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-t1-a1", Succeed(message=lying(), publish=False))
    done = lab.run_experiment(edits=SINGLE)
    assert (phase(done), shown(done)[0]) == ("Failed", "ArtifactMissing")
    assert lab.api.list(MODEL_VERSION) == []


def test_a_lost_message_is_recovered_from_the_registry(lab: Lab) -> None:
    """The model was pushed under the trial's tag, only the message is gone."""
    lab.run_operator()
    lab.player.play("flights-t1-a1", Succeed(message=""))
    done = lab.run_experiment(edits=SINGLE)
    assert phase(done) == "Succeeded", done["status"]
    assert done["status"]["trials"][0]["objective"] == "0.514"


@pytest.mark.parametrize(
    ("message", "reason"),
    [("{}", "ResultInvalid"), ("", "ResultMissing")],
    ids=["garbage", "nothing"],
)
def test_a_bad_evaluation_result_ends_without_a_version(lab: Lab, message: str, reason: str) -> None:
    lab.run_operator()
    lab.player.play("flights-eval-a1", Succeed(message=message))
    done = lab.run_experiment(edits=SINGLE)
    assert (phase(done), shown(done)[0]) == ("Failed", reason)
    assert shown(done)[1].startswith("evaluation:")
    assert condition(done, "GatesPassed")["status"] == "Unknown"


# --- pods that do not run -----------------------------------------------------------------------------------


def test_an_image_that_does_not_exist_is_said_and_waited_for(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-t1-a1", Stuck("train", "ImagePullBackOff"))
    created = lab.create(lab.experiment(edits=SINGLE))
    waiting = lab.wait_reason("ImagePullError")
    assert phase(waiting) == "Training"
    assert condition(waiting, "Reconciling")["status"] == "True"
    assert created["spec"]["trial"]["image"] in condition(waiting, "Ready")["message"]
    lab.player.play("flights-t1-a1", Succeed())  # somebody pushes the image
    assert phase(lab.ended()) == "Succeeded"


def test_an_image_that_never_comes_ends_with_the_deadline(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-t1-a1", Stuck("train", "ErrImagePull"))
    done = lab.run_experiment(edits={**SINGLE, "spec.trial.deadline": "3s"})
    assert phase(done) == "Failed"
    assert done["status"]["trials"][0]["reason"] == "DeadlineExceeded"


def test_a_pod_that_is_deleted_is_replaced_and_the_second_result_counts(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-t1-a1", Stuck("train", "PodInitializing"))
    lab.create(lab.experiment(edits={**SINGLE, "spec.trial.retries": 1}))
    wait_until(lambda: len(lab.player.seen) == 1, "the first pod")
    (pod,) = lab.api.list(POD)
    lab.player.script = lambda pod: Succeed()
    lab.player.forget("flights-t1-a1")
    lab.api.delete(POD, pod["metadata"]["name"])
    done = lab.ended()
    assert phase(done) == "Succeeded"
    assert [pod.number for pod in lab.player.seen if pod.trial == 1] == [1, 2]
    assert done["status"]["trials"][0]["attempt"] == 1


# --- the API server refuses -------------------------------------------------------------------------------


def test_a_quota_is_said_and_the_experiment_goes_on_when_it_is_lifted(lab: Lab, control_plane: Any) -> None:
    namespace = f"--namespace={lab.api.namespace}"
    control_plane.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0", namespace)
    lab.run_operator()
    lab.create(lab.experiment(edits=SINGLE))
    waiting = lab.wait_reason("ApiRefused")
    assert "quota" in condition(waiting, "Ready")["message"]
    assert condition(waiting, "Reconciling")["status"] == "True"
    control_plane.kubectl("delete", "quota", "none", namespace)
    assert phase(lab.ended()) == "Succeeded"
    assert lab.api.get(EXPERIMENT, "flights")["status"]["trials"][0]["attempt"] == 1
