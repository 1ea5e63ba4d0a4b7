"""The experiment step: a fixed time, labels of the step alone, one look, and who decides then."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.deployment_samples import revision, service, side, spec, version, workload, workloads
from tests.unit.operator.samples import NOW, condition

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, StepStatus
from trimtab.deployment import checkpoint
from trimtab.deployment.decide import decide
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.experiment import with_baseline
from trimtab.deployment.labels import Labels, with_labels
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.steps import position, step_key
from trimtab.deployment.traffic.by_pods import Traffic
from trimtab.deployment.turn import turn_name
from trimtab.model.plan import Plan
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.serving import FEEDBACK

TWO = side(2)
INDEX = 1
BEFORE = {"stable": Labels(900, 450), "candidate": Labels(10, 9)}
HOUR = 3600.0


def seen(
    stable: Labels,
    candidate: Labels,
    *,
    seconds: float = HOUR,
    action: str = "",
    status: dict[str, Any] | None = None,
    **asked: Any,
) -> DeploymentObserved:
    """An hour of an experiment at weight 50; the labels are those of the step."""
    steps = [{"weight": 50}, {"experiment": {"for": "1h", "labelRate": {}} | asked}]
    key = step_key(turn_name(TWO), INDEX)
    step = StepStatus(index=INDEX, started_at=NOW)
    began = with_baseline(
        Evidence(turn_name(TWO), NOW, labels=BEFORE),
        position(spec(rollout={"steps": steps}).rollout.steps, step),
    )
    sums = {"stable": stable, "candidate": candidate}
    labels = {
        name: Labels(BEFORE[name].total + more.total, BEFORE[name].positive + more.positive)
        for name, more in sums.items()
    }
    evidence = replace(began, labels=labels, observed_seconds={key: seconds})
    known = DeploymentStatus(stable=side(1), candidate=TWO, step=step, phase="Progressing")
    return samples.observed(
        known if status is None else DeploymentStatus.model_validate(status),
        of=spec(model={"name": "churn", "version": 2}, rollout={"steps": steps}),
        versions=(version(1), version(2)),
        records=samples.records(1, 2),
        workloads=workloads(workload(1, 2, serving=2), workload(2, 2, serving=2)),
        service=service(Traffic(revision(1), both=True)),
        evidence=evidence,
        action=action,
    )


def decided(observed: DeploymentObserved) -> dict[str, Any]:
    plan = decide(observed, NOW)
    assert plan.status is not None
    return dict(plan.status)


BETTER, SAME, WORSE = Labels(1000, 600), Labels(1000, 505), Labels(1000, 400)


@pytest.mark.parametrize(
    ("candidate", "asked", "verdict", "promoted", "why"),
    [
        (BETTER, {}, "Better", False, "a person decides unless the spec says otherwise"),
        (BETTER, {"onBetter": "Promote"}, "Better", True, "asked for, and shown"),
        (SAME, {"onBetter": "Promote"}, "Undecided", False, "nothing was shown"),
        (WORSE, {"onBetter": "Promote"}, "Worse", False, "a person decides, not the metric"),
        (WORSE, {"onBetter": "Promote", "labelRate": {"better": "Lower"}}, "Better", True, "fewer is better"),
        (BETTER, {"labelRate": {"better": "Lower"}}, "Worse", False, "more is worse"),
        (Labels(), {"onBetter": "Promote"}, "NoData", False, "no label came back"),
        (
            Labels(9, 9),
            {"onBetter": "Promote"},
            "NoData",
            False,
            "4.5 ones to be expected: too few to believe",
        ),
    ],
)
def test_what_the_result_is_and_who_decides(
    candidate: Labels, asked: dict[str, Any], verdict: str, promoted: bool, why: str
) -> None:
    status = decided(seen(Labels(1000, 500), candidate, **asked))
    assert (status["experiment"]["verdict"], status["step"]["index"] == INDEX + 1) == (verdict, promoted), why
    assert status["history"][0]["reason"] == "ExperimentEnded"
    assert verdict in status["history"][0]["message"]
    if not promoted:
        assert condition(status, "Ready") == ("False", "AwaitingPerson")
        assert status["phase"] == "Paused"
        assert status["step"]["held"] is True


def test_only_labels_of_the_step_count_and_the_interval_is_newcombes() -> None:
    found = decided(seen(Labels(80, 48), Labels(70, 56)))["experiment"]
    assert found["stable"] == {"labels": 80, "share": "0.6"}
    assert found["candidate"] == {"labels": 70, "share": "0.8"}
    assert [float(found[name]) for name in ("difference", "low", "high")] == pytest.approx(
        [0.2, 0.0524, 0.3339], abs=1e-4
    )


def test_before_its_time_nothing_is_said_whatever_the_labels_say() -> None:
    status = decided(seen(Labels(1000, 500), BETTER, seconds=HOUR - 1, onBetter="Promote"))
    assert "experiment" not in status
    assert status["step"]["index"] == INDEX
    assert condition(status, "Ready") == ("False", "Experimenting")


def test_a_result_stands_and_costs_one_write() -> None:
    first = decided(seen(Labels(1000, 500), BETTER))
    again: Plan = decide(seen(Labels(2000, 1000), Labels(2000, 100), status=first), NOW)
    assert again.status is None, "one look: what comes later changes nothing"


def test_a_person_ends_the_wait() -> None:
    first = decided(seen(Labels(1000, 500), SAME))
    about = {"revision": revision(2), "step": INDEX, "token": "p-1", "by": "ann", "action": "promote"}
    status = decided(seen(Labels(1000, 500), SAME, status=first, action=json.dumps(about)))
    assert status["lastAction"]["outcome"] == "Done"
    assert status.get("step", {}).get("index") != INDEX


def test_labels_go_to_the_side_whose_model_answered() -> None:
    def counts(digest: str, zeros: int, ones: int) -> dict[Any, int]:
        return {(FEEDBACK, digest, "3", "0", "0"): zeros, (FEEDBACK, digest, "4", "1", "0"): ones}

    page = ServerCounts(counts("a", 5, 2) | counts("b", 1, 7) | counts("c", 9, 9))
    start = {"stable": Labels(1, 1), "candidate": Labels()}
    found = with_labels(start, page, {"a": "stable", "b": "candidate"})
    assert found == {"stable": Labels(8, 3), "candidate": Labels(8, 7)}
    assert with_labels(start, page, {}) == start, "both sides have the same model: nobody can tell"


def test_labels_and_the_beginning_survive_a_restart() -> None:
    evidence = seen(BETTER, SAME).evidence
    assert evidence is not None
    assert checkpoint.load(checkpoint.dump(evidence)) == evidence
    stored = checkpoint.dump(evidence)
    del stored["labels"]
    assert checkpoint.load(stored).labels["stable"] == Labels(), "one of an operator without experiments"
