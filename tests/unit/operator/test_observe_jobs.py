"""Jobs and pods as the cluster shows them, for every way in which a trial can end or fail to start."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator import cluster_objects as cluster
from tests.unit.operator import samples
from tests.unit.operator.cluster_objects import (
    complete,
    container,
    failed,
    failed_train_pod,
    job,
    pod,
    running,
    succeeded_trial_pod,
    terminated,
    waiting,
)
from tests.unit.operator.effort import examples

from trimtab.runtime.observe_jobs import observe_job, succeeded
from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.message import Failure, format_message

RESULT = format_message(samples.result()).decode()


def report(reason: Reason, field: str = "", message: str = "") -> str:
    return format_message(Failure(1, reason, field, message)).decode()


# --- state -------------------------------------------------------------------------------------------------


def test_a_new_job_is_active_and_knows_nothing() -> None:
    seen = observe_job(job(started=False), [])
    assert (seen.state, seen.suspended, seen.started_at) == ("Active", False, None)
    assert (seen.message, seen.failure, seen.waiting, seen.image) == (None, None, None, "")
    assert (seen.name, seen.uid, seen.resource_version) == ("winter-t1-a1", "uid-of-winter-t1-a1", "10")


def test_a_suspended_job_says_so() -> None:
    assert observe_job(job(suspended=True, started=False), []).suspended


def test_times_are_of_the_job() -> None:
    seen = observe_job(job(conditions=complete()), [])
    assert seen.started_at == datetime(2026, 3, 4, 5, 1, tzinfo=UTC)
    assert seen.finished_at == datetime(2026, 3, 4, 5, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("conditions", "state", "why"),
    [
        ([], "Active", "no condition yet"),
        (complete()[:1], "Active", "SuccessCriteriaMet comes before the pods have ended"),
        (complete(), "Succeeded", "Complete is final"),
        (failed()[:1], "Active", "FailureTarget comes before the pods have ended"),
        (failed(), "Failed", "Failed is final"),
        ([{"type": "Suspended", "status": "True"}], "Active", "suspended is not ended"),
        ([{"type": "Failed", "status": "False"}], "Active", "a condition that is not true"),
    ],
)
def test_states(conditions: list[dict[str, Any]], state: str, why: str) -> None:
    assert observe_job(job(conditions=conditions), []).state == state, why


# --- results -----------------------------------------------------------------------------------------------


def test_the_message_of_the_succeeded_pod() -> None:
    seen = observe_job(job(conditions=complete()), [succeeded_trial_pod(RESULT)])
    assert seen.message == samples.result()
    assert seen.image == cluster.IMAGE_ID


def test_after_a_retry_the_succeeded_pod_counts() -> None:
    moved = "registry.example/flights@sha256:" + "0" * 64
    first = pod(
        "Failed",
        name="winter-t1-a1-aaaaa",
        created=cluster.EARLIER,
        init=[container("fetch", terminated()), container("train", terminated(1, "boom"), image_id=moved)],
    )
    seen = observe_job(job(conditions=complete()), [first, succeeded_trial_pod(RESULT)])
    assert seen.message == samples.result()
    assert seen.failure is None
    assert seen.image == cluster.IMAGE_ID, "a tag may have moved between two tries"


@pytest.mark.parametrize(
    ("text", "reason", "why"),
    [
        ("", "ResultMissing", "the container left nothing"),
        ("  \n", "ResultMissing", "or nothing to read"),
        ("Traceback (most recent call last):", "ResultInvalid", "no JSON"),
        ('{"contract":2}', "ResultInvalid", "of another version"),
        (RESULT[:-1], "ResultInvalid", "cut"),
        (RESULT[:-1] + ',"uri":"oci://evil/x"}', "ResultInvalid", "an unknown field"),
        (
            '{"contract":1,"x":"' + "y" * 2048 + '"}',
            "ResultTruncated",
            "longer than the kubelet surely keeps",
        ),
        (RESULT.replace("0.5121", "NaN"), "ResultInvalid", "not a number"),
        ("\ud800", "ResultInvalid", "not even text"),
    ],
)
def test_a_message_that_breaks_the_contract_is_a_problem(text: str, reason: str, why: str) -> None:
    message = observe_job(job(conditions=complete()), [succeeded_trial_pod(text)]).message
    assert getattr(message, "reason", None) == reason, why
    assert getattr(message, "transient", None) is False


def test_without_the_succeeded_pod_there_is_no_message() -> None:
    left = failed_train_pod(terminated(1))
    assert observe_job(job(conditions=complete()), []).message is None
    assert observe_job(job(conditions=complete()), [left]).message is None
    assert not succeeded(left)


def test_a_message_is_read_only_when_the_job_has_succeeded() -> None:
    assert observe_job(job(), [succeeded_trial_pod(RESULT)]).message is None


@examples(20)
@given(st.text(max_size=200) | st.recursive(st.none() | st.integers(), st.lists).map(repr))
def test_any_text_is_a_message_or_a_problem(text: str) -> None:
    ended = job(conditions=complete())
    assert observe_job(ended, [succeeded_trial_pod(text)]).message is not None
    assert observe_job(job(conditions=failed()), [failed_train_pod(terminated(1, text))]).failure is not None


# --- failures ----------------------------------------------------------------------------------------------

PUBLISH_FAILED = pod(
    "Failed",
    init=[container("fetch", terminated()), container("train", terminated())],
    main=[container("publish", terminated(42, report(Reason.RESULT_MISSING, "model/", "is empty")))],
)
FETCH_FAILED = pod(
    "Failed",
    init=[
        container("fetch", terminated(42, report(Reason.DATA_INVALID, "temp", "holds text"))),
        container("train", waiting("PodInitializing"), image_id=""),
    ],
)
EVICTED = pod("Failed", name="winter-t1-a1-evict")


@pytest.mark.parametrize(
    ("conditions", "pods", "reason", "says", "why"),
    [
        (failed("PodFailurePolicy"), [FETCH_FAILED], "DataInvalid", "temp: holds text", "exit 42, explained"),
        (
            failed("PodFailurePolicy"),
            [PUBLISH_FAILED],
            "ResultMissing",
            "model/: is empty",
            "nothing to publish",
        ),
        (
            failed(),
            [failed_train_pod(terminated(137, reason="OOMKilled"))],
            "OutOfMemory",
            "spec.trial.resources.limits.memory",
            "with the field to raise",
        ),
        (
            failed(),
            [failed_train_pod(terminated(1, "Traceback\n  File x\nValueError: no rows\n"))],
            "TrainingFailed",
            "container train exited with 1: ValueError: no rows",
            "the last line of the log",
        ),
        (
            failed(),
            [failed_train_pod(terminated(1))],
            "TrainingFailed",
            "it left no message",
            "a program that says nothing",
        ),
        (
            failed(),
            [failed_train_pod(terminated(139, "x" * 4096))],
            "TrainingFailed",
            "exited with 139",
            "a crash; the text is cut",
        ),
        (
            failed("DeadlineExceeded", "Job was active longer than specified deadline"),
            [failed_train_pod(terminated(143, "Terminated"))],
            "DeadlineExceeded",
            "longer than its deadline",
            "the pod was killed for it; its own words would mislead",
        ),
        (failed(), [], "JobFailed", "backoff limit", "the pods are gone: the Job controller's words"),
        (failed(), [EVICTED], "JobFailed", "backoff limit", "no container ever ran"),
        (
            failed(),
            [
                failed_train_pod(terminated(1, "first"), name="b", created=cluster.EARLIER),
                failed_train_pod(terminated(1, "second"), name="a", created=cluster.START),
            ],
            "TrainingFailed",
            "second",
            "of several tries the newest",
        ),
        (
            failed(),
            [failed_train_pod(terminated(1, "boom"), created=cluster.EARLIER), pod("Pending", name="never")],
            "TrainingFailed",
            "boom",
            "the newest that can say anything",
        ),
        (
            failed("PodFailurePolicy"),
            [failed_train_pod(terminated(42, "refusing to go on"))],
            "TrainingFailed",
            "exited with 42: refusing to go on",
            "user code may use 42 too",
        ),
    ],
)
def test_failures(conditions: Any, pods: Any, reason: str, says: str, why: str) -> None:
    seen = observe_job(job(conditions=conditions), pods)
    assert seen.failure is not None
    assert (seen.state, seen.failure.reason) == ("Failed", reason), why
    assert says in seen.failure.message, why
    assert len(seen.failure.message) <= 600
    assert seen.message is None


# --- what keeps a pod from running -------------------------------------------------------------------------

UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient cpu.",
}


@pytest.mark.parametrize(
    ("seen_pod", "reason", "says"),
    [
        (
            pod("Pending", init=[container("train", waiting("ImagePullBackOff", "Back-off"), image_id="")]),
            "ImagePullError",
            "container train, image registry.example/flights:winter: ImagePullBackOff",
        ),
        (
            pod("Pending", init=[container("fetch", waiting("ErrImagePull"))]),
            "ImagePullError",
            "ErrImagePull",
        ),
        (pod("Pending", init=[container("fetch", waiting("InvalidImageName"))]), "ImagePullError", "Invalid"),
        (
            pod("Pending", main=[container("publish", waiting("CreateContainerConfigError"))]),
            "ContainerConfigError",
            "container publish",
        ),
        (pod("Pending", scheduled=UNSCHEDULABLE), "PodUnschedulable", "Insufficient cpu"),
    ],
)
def test_what_an_active_job_waits_for(seen_pod: Any, reason: str, says: str) -> None:
    seen = observe_job(job(), [seen_pod])
    assert seen.waiting is not None
    assert seen.waiting.reason == reason
    assert says in seen.waiting.message


@pytest.mark.parametrize(
    "seen_pod",
    [
        pod("Pending", init=[container("fetch", waiting("PodInitializing"))]),
        pod("Pending", init=[container("fetch", waiting("ContainerCreating"))]),
        pod("Running", init=[container("fetch", terminated()), container("train", running())]),
        {"metadata": {"name": "new", "uid": "u", "creationTimestamp": cluster.START}},
    ],
    ids=["initializing", "creating", "running", "no status yet"],
)
def test_what_passes_by_itself_is_not_shown(seen_pod: Any) -> None:
    assert observe_job(job(), [seen_pod]).waiting is None


def test_an_ended_job_waits_for_nothing() -> None:
    stuck = pod("Pending", init=[container("train", waiting("ImagePullBackOff"))])
    assert observe_job(job(conditions=failed("DeadlineExceeded")), [stuck]).waiting is None


# --- the image ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image_id", "seen", "why"),
    [
        (cluster.IMAGE_ID, cluster.IMAGE_ID, "containerd"),
        ("docker-pullable://" + cluster.IMAGE_ID, cluster.IMAGE_ID, "cri-dockerd"),
        ("sha256:" + "f" * 64, "", "an image id is no reference that could be pulled"),
        ("", "", "not started yet"),
        ("repo@sha256:short", "", "no digest"),
    ],
)
def test_the_image_a_node_reports(image_id: str, seen: str, why: str) -> None:
    state = container("train", running(), image_id=image_id)
    assert observe_job(job(), [pod(init=[state])]).image == seen, why


def test_only_the_train_containers_image_counts() -> None:
    assert observe_job(job(), [pod(init=[container("fetch", running())])]).image == ""
