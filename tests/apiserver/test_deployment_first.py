"""The first version of a Deployment on a real API server: what is made, awaited and refused."""

from __future__ import annotations

import pytest
from tests.harness import kstatus
from tests.harness.api import CONTROLLER_REVISION, MODEL_VERSION, SERVICE, WORKLOAD, condition, phase
from tests.harness.deployments import FAST, Deployments, digest_of, plant, reasons, revision
from tests.harness.lab import Lab
from tests.harness.plays import Run, Serve, Stuck, failing

from trimtab_runtime.contract.errors import Reason


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    return Deployments(lab)


def test_the_first_version_serves(lab: Lab, deployments: Deployments) -> None:
    deployment = deployments.served(edits={"spec.serving.replicas": 2})
    rev = revision(deployment)
    assert phase(deployment) == "Ready"
    assert deployment["status"]["stable"]["digest"] == digest_of(1)
    assert deployment["status"]["replicas"] == 2
    assert reasons(deployment) == ["CandidateStarted", "Promoted"]
    assert condition(deployment, "Available")["status"] == "True"
    assert kstatus.verdict(deployment) == "Current"
    assert kstatus.broken_rules(deployment) == []
    workload = lab.api.get(WORKLOAD, f"flights-{rev}")
    record = lab.api.get(CONTROLLER_REVISION, f"flights-{rev}")
    assert workload["spec"]["template"]["spec"]["containers"][0]["image"].endswith("a" * 64)
    labels = record["data"]["template"]["metadata"]["labels"]
    assert workload["spec"]["template"]["metadata"]["labels"] == labels
    assert lab.api.get(SERVICE, "flights")["spec"]["selector"] == {
        "trimtab.dev/deployment": "flights",
        "trimtab.dev/revision": rev,
    }
    version = lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: v["status"].get("servedBy"))
    assert version["status"]["servedBy"] == [{"deployment": "flights", "role": "Stable"}]


def test_it_says_what_it_waits_for_until_all_pods_are_ready(lab: Lab, deployments: Deployments) -> None:
    plant(lab.api, 1)
    lab.player.serving.play(Run("server"))
    deployments.create()
    lab.run_operator(**FAST)
    waiting = deployments.reason("PodsNotReady")
    assert kstatus.verdict(waiting) == "InProgress"
    assert kstatus.broken_rules(waiting) == []
    assert condition(waiting, "Available")["status"] == "False"
    lab.player.serving.play(Serve())
    assert "stable" not in waiting["status"]
    deployments.ready("flights-v1")


def test_follow_waits_for_a_version(lab: Lab, deployments: Deployments) -> None:
    deployments.create()
    lab.run_operator(**FAST)
    waiting = deployments.reason("AwaitingVersion")
    assert phase(waiting) == "Pending"
    assert kstatus.verdict(waiting) == "InProgress"
    plant(lab.api, 1)
    deployments.ready("flights-v1")


def test_a_pin_waits_for_its_version_and_no_other(lab: Lab, deployments: Deployments) -> None:
    plant(lab.api, 1)
    deployments.create(edits={"spec.model": {"name": "flights", "version": 2}})
    lab.run_operator(**FAST)
    deployments.reason("ModelVersionMissing")
    plant(lab.api, 2)
    plant(lab.api, 3)
    deployments.ready("flights-v2")


def test_a_pin_of_other_bytes_is_refused(lab: Lab, deployments: Deployments) -> None:
    plant(lab.api, 1)
    deployments.create(edits={"spec.model": {"name": "flights", "version": 1, "digest": digest_of(9)}})
    lab.run_operator(**FAST)
    refused = deployments.reason("DigestMismatch")
    assert phase(refused) == "Stalled"
    assert kstatus.verdict(refused) == "Failed"
    assert kstatus.broken_rules(refused) == []
    assert lab.api.list(WORKLOAD) == [], "nothing was made for bytes that were not asked for"
    deployments.patch(model={"digest": digest_of(1)})
    deployments.ready("flights-v1")


def test_a_first_version_that_is_never_ready_stalls_and_is_not_quarantined(
    lab: Lab, deployments: Deployments
) -> None:
    plant(lab.api, 1)
    lab.player.serving.play(failing("fetch", Reason.DIGEST_MISMATCH, "model", "bytes differ"))
    deployments.create(edits={"spec.rollout.progressDeadline": "2s"})
    lab.run_operator(**FAST)
    failed = deployments.reason("FirstVersionFailed")
    assert "bytes differ" in condition(failed, "Ready")["message"]
    assert kstatus.verdict(failed) == "Failed"
    assert "quarantine" not in failed["status"]
    lab.player.serving.play(Serve(), revision(failed, "candidate"))
    deployments.ready("flights-v1")


def test_another_version_replaces_a_first_one_that_failed(lab: Lab, deployments: Deployments) -> None:
    plant(lab.api, 1)
    lab.player.serving.play(Stuck("server", "ImagePullBackOff"))
    deployments.create(edits={"spec.rollout.progressDeadline": "2s"})
    lab.run_operator(**FAST)
    failed = deployments.reason("FirstVersionFailed")
    assert "ImagePullError" in condition(failed, "Ready")["message"]
    lab.player.serving.play(Serve())
    lab.player.serving.play(Stuck("server", "ImagePullBackOff"), revision(failed, "candidate"))
    plant(lab.api, 2)
    deployments.ready("flights-v2")
    lab.api.wait_gone(WORKLOAD, f"flights-{revision(failed, 'candidate')}")


def test_an_idle_deployment_is_written_no_more(lab: Lab, deployments: Deployments) -> None:
    """Also not by a new process that decides everything anew; Events are offered again, and are there."""
    deployments.served(edits={"spec.serving": _every_field()})
    lab.settle()
    before = len(lab.proxy.writes)
    lab.operators[0].kill()
    lab.successor(sweepSeconds=1.0, **FAST)
    lab.settle()
    written = lab.proxy.writes[before:]
    assert [str(write) for write in written if not write.name.startswith("events/")] == []
    assert {write.status for write in written} <= {409}


def _every_field() -> dict[str, object]:
    """Of what ends up in a pod, in forms that the API server writes differently."""
    return {
        "replicas": 2,
        "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"memory": "1Gi"}},
        "env": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
        "nodeSelector": {"example.com/pool": "serving"},
        "tolerations": [{"key": "serving", "operator": "Exists", "effect": "NoSchedule"}],
    }
