"""What a cluster and its clients do to a rollout that nobody planned for."""

from __future__ import annotations

from typing import Any

import pytest
from tests.harness.api import SERVICE, WORKLOAD, condition, wait_until
from tests.harness.deployments import (
    ERRORS,
    HOLD,
    WEIGHT,
    Deployments,
    plant,
    reasons,
    revision,
)
from tests.harness.kept_clients import KeptClients
from tests.harness.lab import Lab

from trimtab.model.kinds import Kind

Object = dict[str, Any]


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


def test_a_quota_that_is_exhausted_is_named_and_the_deadline_counts(
    lab: Lab, deployments: Deployments, control_plane: Any
) -> None:
    old = revision(deployments.served(WEIGHT, HOLD, edits={"spec.rollout.progressDeadline": "3s"}))
    control_plane.kubectl("create", "quota", "few", "--hard=pods=1", f"--namespace={lab.api.namespace}")
    plant(lab.api, 2)
    refused = deployments.reason("PodRefused")
    assert "quota" in condition(refused, "Ready")["message"]
    assert condition(refused, "Available")["status"] == "True"
    (entry,) = deployments.reason("CandidateRejected")["status"]["quarantine"]
    assert entry["reason"] == "ProgressDeadlineExceeded"
    assert "quota" in entry["message"]
    assert (deployments.selected(), lab.player.serving.unanswered) == (old, 0)


def test_children_that_are_deleted_in_a_step_come_back_and_it_goes_on(
    lab: Lab, deployments: Deployments
) -> None:
    """What the candidate's pods did before is not held
    against it: they went because somebody deleted them."""
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    candidate = revision(deployments.reason("AwaitingPerson"), "candidate")
    for kind, name in (
        (SERVICE, "flights"),
        (WORKLOAD, f"flights-{candidate}"),
    ):
        _delete_and_await(lab, kind, name)
    held = deployments.get()
    assert (held["status"]["step"]["index"], revision(held, "candidate")) == (1, candidate)
    deployments.act("promote", "go-on")
    done = deployments.ready("flights-v2")
    assert "quarantine" not in done["status"]
    assert reasons(done)[-1] == "Promoted"


def _delete_and_await(lab: Lab, kind: Kind, name: str) -> None:
    uid = lab.api.get(kind, name)["metadata"]["uid"]
    lab.api.delete(kind, name)
    lab.api.wait(kind, name, lambda again: again["metadata"]["uid"] != uid)


def test_four_clients_that_keep_their_connections_decide_nothing(lab: Lab, deployments: Deployments) -> None:
    """Every seventh request fails on both sides. By request that would soon be hundreds of errors, of which
    the candidate has as many as its connections happen to ask; by connection it is two."""
    lab.player.serving.rate = 0.0
    lab.player.serving.kept = kept = KeptClients(4, error_every=7)
    slow = {"name": "slow", "preset": "latency", "quantile": "0.95", "maxDuration": "5ms"}
    deployments.served(
        WEIGHT,
        {"analyze": {"minSamples": 20, "maxDuration": "3s"}},
        edits={
            "spec.rollout.analysis": {"metrics": [ERRORS, slow], "onInconclusive": "Hold"},
        },
    )
    plant(lab.api, 2)
    candidate = revision(deployments.at_step(1), "candidate")
    kept.connect_anew()
    before = kept.asked
    wait_until(lambda: kept.asked >= before + 200, "200 requests of four clients")
    held = deployments.reason("AwaitingPerson")
    assert (revision(held, "candidate"), held["status"].get("quarantine")) == (candidate, None)
    (server,) = lab.player.serving.servers(candidate)
    assert server.connections == 2
    verdicts = {m["metric"]: m["verdict"] for m in held["status"]["analysis"]}
    assert verdicts == {"errors": "NoData", "slow": "NoData", "podHealth": "Pass"}
