"""What a Deployment owns: repaired when others edit or delete it, gone with its parent, never taken over."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from tests.harness import kstatus
from tests.harness.api import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    POD,
    SERVICE,
    WORKLOAD,
    condition,
    phase,
    wait_until,
)
from tests.harness.deployments import (
    FAST,
    HOLD,
    WEIGHT,
    Deployments,
    body,
    digest_of,
    plant,
    revision,
)
from tests.harness.lab import Lab

from trimtab.apis.v1alpha1.deployment import Serving
from trimtab.deployment.revision import revision_of
from trimtab.model.kinds import Kind

Object = dict[str, Any]


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    return Deployments(lab)


def test_foreign_edits_are_repaired(lab: Lab, deployments: Deployments) -> None:
    rev = revision(deployments.served())
    name = f"flights-{rev}"
    image = lab.api.get(WORKLOAD, name)["spec"]["template"]["spec"]["containers"][0]["image"]
    lab.api.patch(SERVICE, "flights", {"spec": {"selector": {"trimtab.dev/revision": "00000000"}}})
    lab.api.wait(SERVICE, "flights", lambda s: s["spec"]["selector"]["trimtab.dev/revision"] == rev)
    lab.api.patch(WORKLOAD, name, {"spec": {"replicas": 3}})
    lab.api.wait(WORKLOAD, name, lambda w: w["spec"]["replicas"] == 1)
    (server,) = lab.api.get(WORKLOAD, name)["spec"]["template"]["spec"]["containers"]
    edited = {"spec": {"template": {"spec": {"containers": [{**server, "image": "elsewhere/other:1"}]}}}}
    lab.api.patch(WORKLOAD, name, edited)
    lab.api.wait(WORKLOAD, name, lambda w: w["spec"]["template"]["spec"]["containers"][0]["image"] == image)
    deployments.ready("flights-v1")


def test_what_others_add_stays(lab: Lab, deployments: Deployments) -> None:
    """Fields that are not ours belong to whoever set them."""
    rev = revision(deployments.served())
    extra = {"metadata": {"annotations": {"team": "ml"}}}
    lab.api.patch(SERVICE, "flights", extra)
    lab.api.patch(WORKLOAD, f"flights-{rev}", extra)
    deployments.patch(serving={"replicas": 2})
    deployments.until(lambda d: d["status"].get("replicas") == 2 and phase(d) == "Ready")
    for kind, name in ((SERVICE, "flights"), (WORKLOAD, f"flights-{rev}")):
        assert lab.api.get(kind, name)["metadata"]["annotations"]["team"] == "ml"


@pytest.mark.parametrize("kind", [SERVICE, WORKLOAD], ids=str)
def test_deleted_children_come_back(lab: Lab, deployments: Deployments, kind: Any) -> None:
    rev = revision(deployments.served())
    name = "flights" if kind == SERVICE else f"flights-{rev}"
    uid = lab.api.get(kind, name)["metadata"]["uid"]
    lab.api.delete(kind, name)
    lab.api.wait(kind, name, lambda o: o["metadata"]["uid"] != uid)
    deployments.until(lambda d: phase(d) == "Ready" and condition(d, "Available")["status"] == "True")
    lab.api.wait(SERVICE, "flights", lambda s: s["spec"]["selector"]["trimtab.dev/revision"] == rev)


def test_records_that_somebody_deletes_in_a_canary_are_made_of_the_pods(
    lab: Lab, deployments: Deployments
) -> None:
    """And nothing happens to these: what is gone back to later is what served."""
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    deployments.reason("AwaitingPerson")
    records = {record["metadata"]["name"]: record for record in lab.api.list(CONTROLLER_REVISION)}
    pods = {pod["metadata"]["uid"] for pod in lab.api.list(POD)}
    assert len(records) == len(pods) == 2
    for name in records:
        lab.api.delete(CONTROLLER_REVISION, name)
    for name, before in records.items():
        uid = before["metadata"]["uid"]
        made = lab.api.wait(CONTROLLER_REVISION, name, lambda r, old=uid: r["metadata"]["uid"] != old)
        assert made["data"].keys() == before["data"].keys()
        assert made["data"]["signature"] == before["data"]["signature"]
    lab.settle()
    assert {pod["metadata"]["uid"] for pod in lab.api.list(POD)} == pods, "pods are made again"
    deployments.act("promote", "p-1")
    status = deployments.ready("flights-v2")["status"]
    deployments.act(
        "rollback", "r-1", revision=status["stable"]["revision"], to=status["lastGood"]["revision"]
    )
    deployments.until(lambda d: d["status"]["stable"]["modelVersion"] == "flights-v1" and phase(d) == "Ready")


def test_the_deletion_of_the_parent_leaves_nothing(lab: Lab, deployments: Deployments) -> None:
    """In the middle of a canary: garbage collection takes all, and no finalizer holds it up."""
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    deployments.reason("AwaitingPerson")
    lab.api.delete(DEPLOYMENT, "flights")
    lab.api.wait_gone(DEPLOYMENT, "flights")
    ours = "trimtab.dev/deployment=flights"
    for kind in (SERVICE, WORKLOAD, CONTROLLER_REVISION, CONFIG_MAP, POD):
        # The garbage collector looks for new kinds every 30 s only, and ours came with the tests.
        gone = partial(_are_gone, lab, kind, ours)
        wait_until(gone, f"no {kind} to be left", seconds=90)
    assert lab.operators[0].is_running


def _are_gone(lab: Lab, kind: Kind, selector: str) -> bool:
    return not lab.api.list(kind, selector)


def _service() -> Object:
    ports = [{"port": 80}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "flights"},
        "spec": {"selector": {"app": "theirs"}, "ports": ports},
    }


def _workload() -> Object:
    serving = Serving.model_validate(body()["spec"]["serving"])
    labels = {"app": "theirs"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"flights-{revision_of(digest_of(1), serving)}"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "theirs", "image": "theirs:1"}]},
            },
        },
    }


@pytest.mark.parametrize(
    ("kind", "foreign"), [(SERVICE, _service()), (WORKLOAD, _workload())], ids=["Service", "apps Deployment"]
)
def test_a_foreign_object_of_the_name_is_left_alone(
    lab: Lab, deployments: Deployments, kind: Any, foreign: Object
) -> None:
    name = foreign["metadata"]["name"]
    before = lab.api.create(kind, foreign)
    plant(lab.api, 1)
    deployments.create()
    lab.run_operator(**FAST)
    conflict = deployments.reason("NameConflict")
    assert kstatus.verdict(conflict) == "Failed"
    assert kstatus.broken_rules(conflict) == []
    assert name in condition(conflict, "Ready")["message"]
    after = lab.api.get(kind, name)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "trimtab" not in str(after["metadata"].get("managedFields"))
    lab.api.delete(kind, name)
    lab.api.patch(DEPLOYMENT, "flights", {"metadata": {"labels": {"again": "please"}}})
    deployments.ready("flights-v1")


def test_an_object_that_the_user_owns_is_never_written_but_for_its_status(
    lab: Lab, deployments: Deployments
) -> None:
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    deployments.reason("AwaitingPerson")
    entries = deployments.get()["metadata"]["managedFields"]
    ours = [entry for entry in entries if entry["manager"] == "trimtab"]
    assert [entry.get("subresource") for entry in ours] == ["status"]
    assert {key for entry in ours for key in entry["fieldsV1"]} == {"f:status"}
