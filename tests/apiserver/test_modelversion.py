"""ModelVersions: approved only when an Experiment of their lineage names them, with the bytes it chose."""

from __future__ import annotations

from typing import Any

from tests.apiserver import samples
from tests.harness.api import EXPERIMENT, MODEL_VERSION, condition, phase
from tests.harness.lab import SINGLE, Lab
from tests.harness.plays import Run, Succeed

Object = dict[str, Any]


def by_hand(number: int, edits: Object | None = None) -> Object:
    named = {"metadata.name": f"flights-v{number}", "spec.version": number}
    return samples.edited(samples.model_version(), {**named, **(edits or {})})


def lineage_of(experiment: Object) -> Object:
    return {"spec.lineage.experiment": {k: experiment["metadata"][k] for k in ("name", "uid")}}


def refused(lab: Lab, name: str) -> Object:
    """The version once its origin was judged unknown."""
    found = lab.api.wait(
        MODEL_VERSION, name, lambda v: condition(v, "Approved").get("reason") == "UnknownOrigin"
    )
    assert phase(found) == "Registered"
    assert (condition(found, "Ready")["status"], condition(found, "Stalled")["status"]) == ("False", "True")
    return found


def test_a_version_made_by_hand_is_registered_and_never_approved(lab: Lab) -> None:
    lab.run_operator(sweepSeconds=1)
    lab.api.create(MODEL_VERSION, by_hand(3))
    refused(lab, "flights-v3")


def test_copying_the_lineage_of_a_finished_experiment_does_not_help(lab: Lab) -> None:
    lab.run_operator()
    done = lab.run_experiment(edits=SINGLE)
    lab.api.create(MODEL_VERSION, by_hand(9, lineage_of(done)))
    assert "another version" in condition(refused(lab, "flights-v9"), "Approved")["message"]


def test_copying_the_lineage_of_a_running_experiment_does_not_help(lab: Lab) -> None:
    lab.run_operator(sweepSeconds=1)  # an Experiment that ends wakes the version it names; others are swept
    lab.player.play("flights-t1-a1", Run())
    created = lab.create(lab.experiment(edits=SINGLE))
    lab.api.create(MODEL_VERSION, by_hand(1, lineage_of(created)))
    lab.api.wait(
        MODEL_VERSION, "flights-v1", lambda v: condition(v, "Approved").get("reason") == "AwaitingExperiment"
    )
    lab.player.play("flights-t1-a1", Succeed())
    done = lab.ended()
    assert done["status"]["result"]["modelVersion"] == "flights-v2"
    refused(lab, "flights-v1")


def test_a_version_deleted_and_made_again_with_other_bytes_is_not_approved(lab: Lab) -> None:
    lab.run_operator()
    done = lab.run_experiment(edits=SINGLE)
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    lab.api.delete(MODEL_VERSION, "flights-v1")
    lab.api.wait_gone(MODEL_VERSION, "flights-v1")
    lab.api.create(MODEL_VERSION, by_hand(1, lineage_of(done)))
    assert "made by hand" in condition(refused(lab, "flights-v1"), "Approved")["message"]


def test_a_backup_restored_byte_for_byte_is_approved_again(lab: Lab) -> None:
    lab.run_operator()
    lab.run_experiment(edits=SINGLE)
    saved = lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    lab.api.delete(MODEL_VERSION, "flights-v1")
    lab.api.wait_gone(MODEL_VERSION, "flights-v1")
    restored = {"metadata": {"name": "flights-v1"}, "spec": saved["spec"]}
    lab.api.create(MODEL_VERSION, restored | {"apiVersion": saved["apiVersion"], "kind": "ModelVersion"})
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")


def test_an_approved_version_stays_approved_without_its_experiment(lab: Lab) -> None:
    lab.run_operator(sweepSeconds=1)
    lab.run_experiment(edits=SINGLE)
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    lab.api.delete(EXPERIMENT, "flights")
    lab.api.wait_gone(EXPERIMENT, "flights")
    lab.operators[-1].kill()
    lab.successor()
    assert phase(lab.api.get(MODEL_VERSION, "flights-v1")) == "Approved"
