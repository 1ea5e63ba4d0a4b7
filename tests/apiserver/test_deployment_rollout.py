"""A second version on a real API server: canary, promotion, abort, supersession, quarantine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.harness import kstatus
from tests.harness.api import DEPLOYMENT, EVENT, MODEL_VERSION, POD, WORKLOAD, condition, phase, wait_until
from tests.harness.deployments import (
    ANALYZE,
    ERRORS,
    HOLD,
    WEIGHT,
    Deployments,
    digest_of,
    plant,
    reasons,
    revision,
)
from tests.harness.lab import Lab
from tests.harness.plays import Run, Serve, Stuck


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


def test_a_sound_candidate_walks_the_steps_and_is_promoted(lab: Lab, deployments: Deployments) -> None:
    steps = ({"weight": 33}, ANALYZE, {"weight": 67}, {"pause": {"for": "6s"}})
    first = deployments.served(*steps, edits={"spec.serving.replicas": 2})
    old = revision(first)
    plant(lab.api, 2)
    analyzing = deployments.at_step(1)
    new = revision(analyzing, "candidate")
    assert deployments.selected() == "", "both sides have traffic"
    assert analyzing["status"]["weight"]["desired"] == 33
    assert kstatus.verdict(analyzing) == "InProgress"
    assert kstatus.broken_rules(analyzing) == []
    pods = {pod["metadata"]["uid"] for pod in _pods(lab, new)}
    at_67 = deployments.at_step(3)
    assert at_67["status"]["weight"]["applied"] == 67
    assert (_replicas(lab, old), _replicas(lab, new)) == (1, 2)
    done = deployments.ready("flights-v2")
    assert reasons(done)[2:] == ["CandidateStarted", "WeightApplied", "WeightApplied", "Promoted"]
    assert not {"candidate", "step", "weight", "analysis"} & done["status"].keys()
    assert deployments.selected() == new
    assert pods <= {pod["metadata"]["uid"] for pod in _pods(lab, new)}, "promotion made pods again"
    lab.api.wait_gone(WORKLOAD, f"flights-{old}")
    assert len(deployments.records()) == 2, "the record of the old revision stays"
    assert lab.player.serving.unanswered == 0
    _wait_uses(lab, "flights-v1", None)
    _wait_uses(lab, "flights-v2", "Stable")
    events = {
        event["reason"] for event in lab.api.list(EVENT) if event["involvedObject"]["kind"] == "Deployment"
    }
    assert {"CandidateStarted", "WeightApplied", "Promoted"} <= events


def _wait_uses(lab: Lab, version: str, role: str | None) -> None:
    expected = [{"deployment": "flights", "role": role}] if role else None
    lab.api.wait(MODEL_VERSION, version, lambda v: v["status"].get("servedBy") == expected)


def _pods(lab: Lab, rev: str) -> list[dict[str, dict[str, str]]]:
    return lab.api.list(POD, f"trimtab.dev/revision={rev}")


def _replicas(lab: Lab, rev: str) -> int:
    return int(lab.api.get(WORKLOAD, f"flights-{rev}")["spec"]["replicas"])


def test_a_coarse_weight_is_what_the_pods_give_and_status_says_so(lab: Lab, deployments: Deployments) -> None:
    edits = {"spec.serving.replicas": 2, "spec.traffic": {"allowCoarse": True}}
    deployments.served({"weight": 5}, HOLD, edits=edits)
    plant(lab.api, 2)
    held = deployments.reason("AwaitingPerson")
    assert (held["status"]["weight"]["desired"], held["status"]["weight"]["applied"]) == (5, 33)
    (applied,) = [e["message"] for e in held["status"]["history"] if e["reason"] == "WeightApplied"]
    assert applied == "weight 5: 1 of 3 pods, which is 33 %"
    passed = deployments.until(lambda d: d["status"]["weight"].get("observed"))
    assert 25 <= passed["status"]["weight"]["observed"] <= 41, "measured against the pods, not the 5"


def test_without_steps_the_next_version_takes_over_when_it_is_ready(
    lab: Lab, deployments: Deployments
) -> None:
    deployments.served()
    lab.player.serving.play_next(Run("server"))
    plant(lab.api, 2)
    waiting = deployments.reason("Promoting")
    assert deployments.selected() == revision(waiting), "no traffic before it is ready"
    assert condition(waiting, "Available")["status"] == "True"
    assert kstatus.verdict(waiting) == "InProgress"
    lab.player.serving.play(Serve(), revision(waiting, "candidate"))
    deployments.ready("flights-v2")
    assert lab.player.serving.unanswered == 0


def test_a_candidate_that_fails_requests_is_given_up_and_quarantined(
    lab: Lab, deployments: Deployments
) -> None:
    patient = {"analyze": {"minSamples": 10_000, "maxDuration": "5m"}}
    first = deployments.served(WEIGHT, patient, HOLD)
    stable = revision(first)
    plant(lab.api, 2)
    bad = revision(deployments.until(lambda d: "candidate" in d["status"]), "candidate")
    lab.player.serving.fail_requests(bad)
    rejected = deployments.reason("CandidateRejected")
    assert phase(rejected) == "Ready", "under follow the target falls back to what serves"
    assert kstatus.verdict(rejected) == "Current"
    assert "flights-v2" in condition(rejected, "Ready")["message"]
    (entry,) = rejected["status"]["quarantine"]
    assert (entry["revision"], entry["reason"]) == (bad, "AnalysisFailed")
    assert entry["modelVersion"] == "flights-v2"
    errors = next(m for m in rejected["status"]["analysis"] if m["metric"] == "errors")
    assert errors["verdict"] == "Fail"
    assert errors["samples"] < 1_000, "what it takes to be sure, and no wait for minSamples"
    assert deployments.selected() == revision(rejected) == stable
    lab.api.wait_gone(WORKLOAD, f"flights-{bad}")
    version = lab.api.wait(MODEL_VERSION, "flights-v2", lambda v: v["status"].get("quarantinedBy"))
    assert version["status"]["quarantinedBy"] == [{"deployment": "flights", "reason": "AnalysisFailed"}]
    assert lab.player.serving.unanswered == 0


def test_a_candidate_that_refuses_what_stable_takes_is_given_up_if_so_asked(
    lab: Lab, deployments: Deployments
) -> None:
    """4xx are no errors, and a metric of their own; how full the pods are stands beside them."""
    metrics = [
        ERRORS,
        {"name": "refused", "preset": "clientErrors", "onFail": "Abort"},
        {"name": "load", "preset": "saturation", "maxInFlight": "0.000001"},
    ]
    deployments.served(WEIGHT, HOLD, edits={"spec.rollout.analysis.metrics": metrics})
    plant(lab.api, 2)
    bad = revision(deployments.until(lambda d: "candidate" in d["status"]), "candidate")
    loaded = deployments.until(lambda d: _verdicts(d).get("load") == "Fail")
    assert loaded["status"]["candidate"]["revision"] == bad, "observed only"
    lab.player.serving.fail_requests(bad, 400)
    rejected = deployments.reason("CandidateRejected")
    (entry,) = rejected["status"]["quarantine"]
    assert entry["message"].startswith("refused: candidate")
    assert _verdicts(rejected)["errors"] != "Fail"


def _verdicts(deployment: dict[str, Any]) -> dict[str, str]:
    return {m["metric"]: m["verdict"] for m in deployment["status"].get("analysis", ())}


def test_the_same_bytes_under_a_new_name_are_refused_and_other_settings_may_retry(
    lab: Lab, deployments: Deployments
) -> None:
    deployments.served(WEIGHT, HOLD, edits={"spec.model": {"name": "flights", "version": 1}})
    plant(lab.api, 2)
    plant(lab.api, 3, digest=digest_of(2))
    deployments.patch(model={"version": 2})
    deployments.at_step(1)
    deployments.act("abort", "a-1")
    aborted = deployments.reason("Aborted")
    assert phase(aborted) == "Aborted"
    assert kstatus.verdict(aborted) == "Failed", "a pin that failed needs a person"
    assert kstatus.broken_rules(aborted) == []
    (entry,) = aborted["status"]["quarantine"]
    assert entry["reason"] == "AbortedByPerson"
    deployments.patch(model={"version": 3})
    again = deployments.reason("Aborted")
    assert "flights-v3" in condition(again, "Ready")["message"]
    assert "candidate" not in again["status"]
    assert revision(again) == revision(aborted)
    deployments.patch(serving={"resources": {"requests": {"cpu": "250m"}}})
    retried = deployments.at_step(1)
    assert retried["status"]["candidate"]["modelVersion"] == "flights-v3"
    assert revision(retried, "candidate") != entry["revision"]


def test_a_restart_of_the_candidates_server_ends_the_rollout(lab: Lab, deployments: Deployments) -> None:
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    candidate = revision(deployments.at_step(1), "candidate")
    lab.player.serving.restart(candidate)
    rejected = deployments.reason("CandidateRejected")
    (entry,) = rejected["status"]["quarantine"]
    assert entry["reason"] == "PodHealth"
    assert "OOMKilled" in entry["message"] or "restarted" in entry["message"]


@pytest.mark.parametrize(
    ("play", "reason", "why"),
    [
        (Stuck("server", "ImagePullBackOff"), "ImagePullError", "ImagePullBackOff"),
        (Run("server"), "SettingWeight", "0 of 1 candidate pods are ready"),
    ],
    ids=["image", "model"],
)
def test_a_candidate_that_is_never_ready_is_given_up_at_the_deadline(
    lab: Lab, deployments: Deployments, play: Stuck | Run, reason: str, why: str
) -> None:
    deployments.served(WEIGHT, HOLD, edits={"spec.rollout.progressDeadline": "2s"})
    lab.player.serving.play_next(play)
    plant(lab.api, 2)
    deployments.reason(reason)
    assert deployments.selected(), "no traffic to a side without ready pods"
    rejected = deployments.reason("CandidateRejected")
    (entry,) = rejected["status"]["quarantine"]
    assert entry["reason"] == "ProgressDeadlineExceeded"
    assert why in entry["message"]
    assert lab.player.serving.unanswered == 0


def test_a_stable_that_is_down_does_not_hold_up_its_fix(lab: Lab, deployments: Deployments) -> None:
    """The weight cannot be set, and its deadline passes: a person decides, or nobody if so asked."""
    deadline = {"spec.rollout.progressDeadline": "5s"}
    broken = revision(deployments.served(WEIGHT, HOLD, edits=deadline))
    lab.player.serving.play(Run("server"), broken)
    plant(lab.api, 2)
    held = deployments.reason("StableUnhealthy")
    assert "quarantine" not in held["status"]
    assert condition(held, "Available")["status"] == "True", "the candidate answers"
    assert kstatus.verdict(held) == "InProgress"
    deployments.patch(rollout={"onStableUnhealthy": "Promote"})
    fixed = deployments.ready("flights-v2")
    assert reasons(fixed)[-2:] == ["StableUnhealthy", "Promoted"]


def test_a_newer_version_supersedes_the_candidate_without_quarantine(
    lab: Lab, deployments: Deployments
) -> None:
    deployments.served(WEIGHT, HOLD)
    plant(lab.api, 2)
    dropped = revision(deployments.at_step(1), "candidate")
    plant(lab.api, 3)
    newer = deployments.until(
        lambda d: (
            d["status"].get("candidate", {}).get("modelVersion") == "flights-v3"
            and d["status"].get("step", {}).get("index") == 1
        )
    )
    assert "quarantine" not in newer["status"]
    assert reasons(newer)[-4:] == ["WeightApplied", "CandidateDropped", "CandidateStarted", "WeightApplied"]
    lab.api.wait_gone(WORKLOAD, f"flights-{dropped}")
    assert lab.player.serving.unanswered == 0


def test_the_spec_set_back_to_stable_cancels(lab: Lab, deployments: Deployments) -> None:
    deployments.served(WEIGHT, HOLD, edits={"spec.model": {"name": "flights", "version": 1}})
    plant(lab.api, 2)
    deployments.patch(model={"version": 2})
    cancelled = revision(deployments.at_step(1), "candidate")
    deployments.patch(model={"version": 1})
    back = deployments.ready("flights-v1")
    assert "quarantine" not in back["status"]
    assert reasons(back)[-1] == "CandidateDropped"
    wait_until(lambda: deployments.workload(cancelled) is None, "its pods to be gone")
    assert lab.player.serving.unanswered == 0


def test_scaling_is_no_new_revision(lab: Lab, deployments: Deployments) -> None:
    before = deployments.served()
    deployments.patch(serving={"replicas": 3})
    after = deployments.until(lambda d: d["status"].get("replicas") == 3 and phase(d) == "Ready")
    assert revision(after) == revision(before)
    deployments.patch(serving={"replicas": 1})
    deployments.until(lambda d: d["status"].get("replicas") == 1 and phase(d) == "Ready")
    assert lab.player.serving.unanswered == 0
    assert lab.api.get(DEPLOYMENT, "flights")["status"]["history"] == before["status"]["history"]
