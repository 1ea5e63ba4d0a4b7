"""Experiment -> Jobs -> evaluated winner -> ModelVersion, with the operator as a process of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.harness import kstatus
from tests.harness.api import CONFIG_MAP, EVENT, EXPERIMENT, JOB, MODEL_VERSION, condition, phase, wait_until
from tests.harness.lab import SINGLE, Lab
from tests.harness.operator import Operator
from tests.harness.player import Scores, default_metrics
from tests.harness.plays import Run, Succeed

from trimtab_runtime.contract.artifact import result_tag

Object = dict[str, Any]


def test_one_trial_becomes_an_approved_version(lab: Lab) -> None:
    lab.run_operator()
    done = lab.run_experiment(
        edits={**SINGLE, "spec.code": {"repository": "https://git.example/f", "revision": "4f1"}}
    )
    assert phase(done) == "Succeeded", done["status"]
    assert done["status"]["result"] == {"reserved": 1, "modelVersion": "flights-v1"}
    assert condition(done, "GatesPassed")["status"] == "True"
    version = lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    assert condition(version, "Approved")["reason"] == "Approved"
    _check_version(lab, done, version)


def _check_version(lab: Lab, experiment: Object, version: Object) -> None:
    """The version pins what really lies in the registry, under the tag of its trial."""
    spec, trial = version["spec"], experiment["status"]["trials"][0]
    uid = experiment["metadata"]["uid"]
    digest = lab.registry.client.resolve("flights/models", result_tag(uid, 1, 1))
    assert spec["artifact"]["digest"] == trial["manifestDigest"] == digest
    assert spec["artifact"]["format"] == "sklearn"
    assert spec["lineage"]["experiment"] == {"name": "flights", "uid": uid}
    assert spec["lineage"]["code"] == {"repository": "https://git.example/f", "revision": "4f1"}
    assert spec["lineage"]["data"] == {d["name"]: d["digest"] for d in experiment["status"]["data"]}
    assert spec["runtime"]["image"] == trial["image"] == experiment["spec"]["trial"]["image"]
    assert spec["evaluation"]["metrics"] == {"auc": "0.75", "logLoss": "0.55"}
    assert [i["name"] for i in spec["signature"]["inputs"]] == ["carrier", "temp"]
    assert "ownerReferences" not in version["metadata"], "a version outlives its Experiment"


def test_a_search_of_three_never_runs_more_than_two_and_the_best_wins(lab: Lab) -> None:
    lab.run_operator()
    for trial in (1, 2, 3):
        lab.player.play(f"flights-t{trial}-a1", Run())
    lab.create(lab.experiment())
    lab.api.wait(EXPERIMENT, "flights", lambda e: _phases(e) == ["Running", "Running"])
    assert [job["metadata"]["name"] for job in lab.api.list(JOB)] == ["flights-t1-a1", "flights-t2-a1"]
    lab.player.play("flights-t2-a1", Succeed())
    lab.api.wait(EXPERIMENT, "flights", lambda e: _phases(e) == ["Running", "Succeeded", "Running"])
    lab.player.play("flights-t3-a1", Succeed())
    lab.player.play("flights-t1-a1", Succeed())
    done = lab.ended()
    assert phase(done) == "Succeeded", done["status"]
    assert done["status"]["winner"] == 2
    objectives = [trial["objective"] for trial in done["status"]["trials"]]
    assert objectives == [str(default_metrics(trial)["logLoss"]) for trial in (1, 2, 3)]
    _check_parameters(lab, done)


def _phases(experiment: Object) -> list[str]:
    return [trial["phase"] for trial in experiment.get("status", {}).get("trials", ())]


def _check_parameters(lab: Lab, experiment: Object) -> None:
    """What the search drew is what the container gets, and what the version records."""
    for trial in experiment["status"]["trials"]:
        job = lab.api.get(JOB, f"flights-t{trial['index']}-a1")
        train = job["spec"]["template"]["spec"]["initContainers"][1]
        assert train["args"] == [f"--leaves={trial['parameters']['leaves']}", "--iterations=60"]
    version = lab.api.get(MODEL_VERSION, "flights-v1")
    leaves = experiment["status"]["trials"][1]["parameters"]["leaves"]
    assert version["spec"]["lineage"]["parameters"] == {"iterations": "60", "leaves": leaves}
    assert version["spec"]["lineage"]["trial"] == 2


def test_equal_objectives_and_goal_maximize(lab: Lab) -> None:
    lab.run_operator()
    lab.player.script = lambda pod: Succeed(metrics={"auc": 0.6 if pod.trial == 1 else 0.7})
    done = lab.run_experiment(edits={"spec.objective": {"metric": "auc", "goal": "maximize"}})
    assert done["status"]["winner"] == 2, "of equal trials the first wins"


def test_the_second_experiment_of_a_model_is_judged_against_the_first_version(lab: Lab) -> None:
    lab.run_operator()
    first = lab.run_experiment("first", SINGLE)
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    second = lab.run_experiment("second", SINGLE)
    assert phase(second) == "Succeeded", second["status"]
    champion = second["status"]["evaluation"]["champion"]
    winner = first["status"]["trials"][0]
    assert champion == {
        "modelVersion": "flights-v1",
        "digest": winner["manifestDigest"],
        "image": winner["image"],
    }
    gate = second["status"]["gates"][1]
    assert gate == {
        "metric": "logLoss",
        "verdict": "Pass",
        "challenger": "0.55",
        "champion": "0.58",
        "difference": "0.03",
        "interval": ["0.01", "0.05"],
        "groups": 6,
    }
    assert second["status"]["result"] == {"reserved": 2, "modelVersion": "flights-v2"}
    job = lab.api.get(JOB, "second-eval-a1")
    containers = [c["name"] for c in job["spec"]["template"]["spec"]["initContainers"]]
    assert containers == ["fetch", "predict-champion", "predict-challenger"]


@pytest.mark.parametrize(
    ("scores", "failed"),
    [
        (Scores(challenger={"auc": 0.5, "logLoss": 0.55}), "auc"),
        (Scores(challenger={"auc": 0.75, "logLoss": 0.6}), "logLoss"),
    ],
    ids=["below its minimum", "worse than the champion"],
)
def test_a_failed_gate_ends_without_a_version(lab: Lab, scores: Scores, failed: str) -> None:
    lab.run_operator()
    lab.run_experiment("first", SINGLE)
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    lab.player.scores = scores
    done = lab.run_experiment("second", SINGLE)
    assert phase(done) == "GateFailed"
    assert [gate["metric"] for gate in done["status"]["gates"] if gate["verdict"] == "Fail"] == [failed]
    assert condition(done, "GatesPassed") == {
        **condition(done, "GatesPassed"),
        "status": "False",
        "reason": "GateFailed",
    }
    assert condition(done, "Stalled")["reason"] == "GateFailed"
    assert f"{failed} Fail" in condition(done, "Ready")["message"]
    assert [v["metadata"]["name"] for v in lab.api.list(MODEL_VERSION)] == ["flights-v1"]


def test_a_trial_is_one_job_with_the_fields_of_the_spec(lab: Lab) -> None:
    lab.run_operator()
    lab.player.play("flights-t1-a1", Run())
    edits = {**SINGLE, "spec.trial.retries": 2, "spec.trial.deadline": "90s"}
    created = lab.create(lab.experiment(edits=edits))
    lab.wait_reason("Training")
    job = lab.api.wait(JOB, "flights-t1-a1", lambda j: True)
    spec = job["spec"]
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (2, 90)
    assert spec["podReplacementPolicy"] == "Failed"
    assert spec["podFailurePolicy"]["rules"][0] == {
        "action": "FailJob",
        "onExitCodes": {"operator": "In", "values": [42]},
    }
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (created["metadata"]["uid"], True)
    _check_hardening(spec["template"]["spec"])


def _check_hardening(pod: Object) -> None:
    """Credentials and tokens only where they belong: never beside user code."""
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    fetch, train = pod["initContainers"]
    (publish,) = pod["containers"]
    mounts = {c["name"]: [m["name"] for m in c["volumeMounts"]] for c in (fetch, train, publish)}
    assert "credentials-read" in mounts["fetch"] and "credentials-push" in mounts["publish"]
    assert not [name for name in mounts["train"] if name.startswith("credentials")]
    assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in (fetch, train, publish))


def test_deleting_an_experiment_deletes_its_jobs_and_keeps_its_version(lab: Lab) -> None:
    lab.run_operator()
    lab.run_experiment(edits=SINGLE)
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    lab.api.delete(EXPERIMENT, "flights")
    wait_until(lambda: not lab.api.list(JOB), "the Jobs to be collected", 60)
    assert phase(lab.api.get(MODEL_VERSION, "flights-v1")) == "Approved"
    assert lab.api.get(CONFIG_MAP, "trimtab-model-flights")["data"]["highWater"] == "1"


def test_a_number_is_never_used_twice(lab: Lab) -> None:
    lab.run_operator()
    lab.run_experiment("first", SINGLE)
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    lab.api.delete(MODEL_VERSION, "flights-v1")
    second = lab.run_experiment("second", SINGLE)
    assert second["status"]["result"]["modelVersion"] == "flights-v2"


def test_the_operator_writes_nothing_but_status(lab: Lab) -> None:
    lab.run_operator()
    done = lab.run_experiment(edits=SINGLE)
    version = lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    assert done["metadata"]["generation"] == 1
    for obj, creator in ((done, "test"), (version, "trimtab")):
        for entry in obj["metadata"]["managedFields"]:
            fields = set(entry["fieldsV1"])
            if entry["manager"] != creator or entry.get("subresource"):
                assert (entry["manager"], entry.get("subresource")) == ("trimtab", "status")
                assert fields == {"f:status"}


def test_nothing_is_written_once_all_is_done(lab: Lab) -> None:
    """Also while sweeps list everything again and again."""
    operator = lab.run_operator(sweepSeconds=1)
    lab.run_experiment("good", SINGLE)
    lab.player.scores = Scores(challenger={"auc": 0.1, "logLoss": 0.9})
    lab.run_experiment("bad", SINGLE)
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    wait_until(lambda: len(_events(lab, "flights-v1")) == 1, "the last Event")
    _wait_for_lists(operator, 4)
    written = len(lab.proxy.writes)
    _wait_for_lists(operator, 16)
    assert lab.proxy.writes[written:] == []


def _wait_for_lists(operator: Operator, count: int) -> None:
    """A sweep lists four kinds or more."""
    before = _lists(operator.page("/metrics"))
    wait_until(lambda: _lists(operator.page("/metrics")) >= before + count, f"{count} more lists")


def _events(lab: Lab, name: str) -> list[Object]:
    return [e for e in lab.api.list(EVENT) if e["involvedObject"]["name"] == name]


def _lists(page: str) -> float:
    """How many reads the operator has made."""
    lines = [line for line in page.splitlines() if line.startswith('trimtab_api_requests_total{code="200"')]
    return sum(float(line.rpartition(" ")[2]) for line in lines if 'verb="GET"' in line)


def test_conditions_read_as_kstatus_reads_them(lab: Lab) -> None:
    lab.run_operator()
    assert kstatus.verdict(lab.create(lab.experiment("good", SINGLE))) == "InProgress"
    good = lab.ended("good")
    lab.player.scores = Scores(challenger={"auc": 0.1, "logLoss": 0.9})
    bad = lab.run_experiment("bad", SINGLE)
    version = lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    assert [kstatus.verdict(obj) for obj in (good, bad, version)] == ["Current", "Failed", "Current"]
    written = [json.loads(write.body) for write in lab.proxy.writes if write.name.endswith("/status")]
    assert len(written) > 10
    for status in written:
        assert kstatus.broken_rules(status) == []
    states = [kstatus.verdict(status | {"metadata": {"generation": 1}}) for status in written]
    assert set(states) == {"InProgress", "Current", "Failed"}


def test_kubectl_wait_for_ready_works(lab: Lab, control_plane: Any) -> None:
    lab.run_operator()
    lab.create(lab.experiment(edits=SINGLE))
    namespace = f"--namespace={lab.api.namespace}"
    done = control_plane.kubectl(
        "wait", "--for=condition=Ready", "--timeout=30s", namespace, "experiments.trimtab.dev/flights"
    )
    assert "condition met" in done


def test_history_and_events_tell_what_happened(lab: Lab) -> None:
    lab.run_operator()
    done = lab.run_experiment(edits=SINGLE)
    told = [entry["id"] for entry in done["status"]["history"]]
    assert told == ["data-resolved", "trial-1-succeeded", "winner", "gates", "end"]
    wait_until(lambda: len(_events(lab, "flights")) >= len(told), "an Event per line of history")
    reasons = {event["reason"] for event in _events(lab, "flights")}
    assert {"DataResolved", "TrialSucceeded", "WinnerChosen", "GatesPassed", "Registered"} <= reasons
