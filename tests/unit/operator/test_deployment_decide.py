"""Target, revision, children and the situations of a Deployment, each row with its why."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.conftest import Golden
from tests.unit.operator.deployment_samples import (
    observed,
    records,
    revision,
    service,
    side,
    spec,
    version,
    workload,
    workloads,
)
from tests.unit.operator.samples import LATER, NOW, condition, digest, history_ids
from tests.unit.operator.test_experiment_jobs import kubelet_expands, variable

from trimtab.apis.v1alpha1.deployment import Serving
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Quarantine, StepStatus
from trimtab.deployment import build
from trimtab.deployment.decide import decide
from trimtab.deployment.observed import PodTrouble, VersionObserved
from trimtab.deployment.revision import freeze, parse_record, restored, revision_of
from trimtab.deployment.target import NoTarget, target_of
from trimtab.deployment.traffic.by_pods import Traffic
from trimtab.model.kinds import CONTROLLER_REVISION, POD_DISRUPTION_BUDGET, SERVICE, WORKLOAD
from trimtab.model.plan import Apply, Create, Delete, Plan, Scale
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchModel, ServeModel, parse_config

# --- target ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "versions", "expected", "why"),
    [
        ({"version": 1}, [version(1)], "churn-v1", "the pinned one"),
        ({"version": 1}, [version(1), version(2)], "churn-v1", "a pin is a pin"),
        ({"version": 2}, [version(1)], "ModelVersionMissing", "it may yet come"),
        ({"version": 1}, [version(1, "Registered")], "AwaitingApproval", "not approved yet"),
        ({"version": 1}, [version(1, "")], "AwaitingApproval", "not looked at yet"),
        ({"version": 1}, [version(1, "Rejected")], "VersionRejected", "will never be"),
        ({"version": 1, "digest": samples.BYTES[1]}, [version(1)], "churn-v1", "the digest agrees"),
        ({"version": 1, "digest": digest("0")}, [version(1)], "DigestMismatch", "other bytes than asked for"),
        (
            {"version": 1, "digest": digest("0")},
            [version(1, "Registered")],
            "DigestMismatch",
            "said at once, not only when it is approved",
        ),
        ({"follow": "Approved"}, [version(1), version(3), version(2)], "churn-v3", "the highest number"),
        ({"follow": "Approved"}, [version(1), version(2, "Registered")], "churn-v1", "only approved ones"),
        ({"follow": "Approved"}, [version(1, "Registered")], "AwaitingVersion", "none yet"),
        ({"follow": "Approved"}, [], "AwaitingVersion", "none at all"),
    ],
)
def test_targets(model: Any, versions: list[VersionObserved], expected: str, why: str) -> None:
    seen = observed(of=spec(model={"name": "churn"} | model), versions=tuple(versions))
    target = target_of(seen)
    assert (target.reason if isinstance(target, NoTarget) else target.name) == expected, why


@pytest.mark.parametrize(
    ("serves", "versions", "expected", "why"),
    [
        (2, [version(1), version(2)], "churn-v2", "what serves is the newest"),
        (2, [version(1), version(2, "Rejected")], "AwaitingVersion", "never back to an older number"),
        (1, [version(1), version(2)], "churn-v2", "the next one"),
        (4, [version(1), version(2)], "ModelVersionMissing", "its object is gone: no reason to go back"),
        (1, [version(2)], "churn-v2", "its object is gone, and there is a newer one"),
    ],
)
def test_follow_never_goes_back(
    serves: int, versions: list[VersionObserved], expected: str, why: str
) -> None:
    status = DeploymentStatus(stable=side(serves))
    target = target_of(observed(status, of=samples.follow(), versions=tuple(versions)))
    assert (target.reason if isinstance(target, NoTarget) else target.name) == expected, why


def quarantine(number: int) -> Quarantine:
    return Quarantine(
        revision=revision(number),
        digest=samples.BYTES[number],
        model_version=f"churn-v{number}",
        reason="AnalysisFailed",
        message="errors: 9 of 10",
        at=NOW,
    )


def test_follow_passes_over_what_failed_here() -> None:
    status = DeploymentStatus(stable=side(1), quarantine=(quarantine(3),))
    versions = (version(1), version(2), version(3))
    target = target_of(observed(status, of=samples.follow(), versions=versions))
    assert isinstance(target, VersionObserved)
    assert target.name == "churn-v2"


# --- revision ----------------------------------------------------------------------------------------------

SERVING: dict[str, Any] = {
    "replicas": 2,
    "env": [{"name": "A", "value": "1"}],
    "resources": {"requests": {"cpu": "1"}},
    "nodeSelector": {"pool": "cpu"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
}


@pytest.mark.parametrize(
    ("changed", "same", "why"),
    [
        ({}, True, "the same"),
        ({"replicas": 9}, True, "how many pods is not what they are"),
        ({"env": [{"name": "A", "value": "2"}]}, False, "another environment"),
        ({"env": []}, False, "none"),
        ({"resources": {"requests": {"cpu": "2"}}}, False, "other resources may retry what failed"),
        ({"nodeSelector": {}}, False, "elsewhere"),
        ({"tolerations": []}, False, "elsewhere too"),
    ],
)
def test_what_makes_a_new_revision(changed: Any, same: bool, why: str) -> None:
    def of(wire: Any) -> str:
        return revision_of(samples.BYTES[1], Serving.model_validate(wire))

    assert (of(SERVING) == of(SERVING | changed)) == same, why
    assert len(of(SERVING)) == 8


def test_other_bytes_are_another_revision_and_the_same_bytes_are_not() -> None:
    serving = Serving()
    assert revision_of(samples.BYTES[1], serving) != revision_of(samples.BYTES[2], serving)
    assert revision_of(samples.BYTES[1], serving) == revision_of(samples.BYTES[1], Serving(replicas=3))


def test_a_revision_of_a_running_cluster_never_changes() -> None:
    """It is in the name of the workload: another hash after an upgrade would roll out everything anew."""
    assert revision_of(samples.BYTES[1], Serving.model_validate(SERVING)) == "b147a1f3"


def test_a_frozen_record_is_read_as_it_was_written() -> None:
    create = freeze(observed(), version(1), revision(1))
    assert create.kind is CONTROLLER_REVISION
    read = parse_record(create.body)
    assert (read.revision, read.number) == (revision(1), 1)
    assert (read.model_version, read.digest) == ("churn-v1", samples.BYTES[1])
    assert read.template == create.body["data"]["template"]
    later = freeze(observed(records=records(1)), version(2), revision(2))
    assert parse_record(later.body).number == 2


def test_the_revision_as_it_is_sent(golden: Golden) -> None:
    body = copy.deepcopy(dict(freeze(observed(of=spec(serving=SERVING)), version(1), "8a11d2c4").body))
    pod = body["data"]["template"]["spec"]
    for container in [*pod["initContainers"], *pod["containers"]]:
        for one in container["env"]:
            if one["name"] == paths.CONFIG_ENV:
                one["value"] = json.loads(one["value"])
    golden("controllerrevision", body)


@pytest.mark.parametrize("value", ["", "$(HOME)", "a$$b", "5$"])
def test_the_server_is_told_what_the_spec_says(value: str) -> None:
    serving = SERVING | {"env": [{"name": "A", "value": value}]}
    body = freeze(observed(of=spec(serving=serving)), version(1), "8a11d2c4").body
    pod = body["data"]["template"]["spec"]
    (fetch,), (server,) = pod["initContainers"], pod["containers"]
    assert kubelet_expands(variable(server, "A"), {"HOME": "/root"}) == value
    fetched = parse_config(kubelet_expands(variable(fetch, paths.CONFIG_ENV), {}))
    served = parse_config(kubelet_expands(variable(server, paths.CONFIG_ENV), {}))
    assert isinstance(fetched, FetchModel)
    assert isinstance(served, ServeModel)
    assert fetched.model.digest == served.digest == samples.BYTES[1]
    assert served.profile_digest == digest("8")


def test_a_record_that_is_gone_is_made_of_the_pods_or_rendered_again() -> None:
    there = samples.record(1).template
    pods = workload(1, 2, ready=2, serving=2)
    body = {**pods.body, "spec": {**pods.body.get("spec", {}), "template": {**there, "x": None}}}
    of_pods = restored(observed(workloads=workloads(replace(pods, body=body))), side(1))
    rendered = restored(observed(), side(1))
    assert of_pods is not None and rendered is not None
    for made in (of_pods, rendered):
        read = parse_record(made.body)
        assert (read.revision, read.model_version, read.digest) == (revision(1), "churn-v1", samples.BYTES[1])
        assert read.signature == version(1).signature
    assert parse_record(of_pods.body).template == {key: there[key] for key in ("metadata", "spec")}
    assert rendered == freeze(observed(), version(1), revision(1))
    other = observed(of=spec(serving={"replicas": 1, "env": [{"name": "A", "value": "b"}]}))
    assert restored(other, side(1)) is None, "the spec asks for other pods by now"
    assert restored(observed(versions=()), side(1)) is None, "nobody knows how to make them"


# --- children ----------------------------------------------------------------------------------------------


def applied(plan: Plan) -> list[str]:
    """Names of what is applied, created or scaled, in the order of the writes; budgets have tests of their
    own."""
    names = []
    for write in plan.children:
        match write:
            case Apply(kind=kind) if kind is POD_DISRUPTION_BUDGET:
                continue
            case Apply(body=body) | Create(body=body):
                names.append(f"{type(write).__name__} {body['kind']} {body['metadata']['name']}")
            case Scale(known=known, replicas=replicas):
                names.append(f"Scale {known['metadata']['name']} {replicas}")
            case _:
                names.append(str(write))
    return names


W1, W2 = f"churn-{revision(1)}", f"churn-{revision(2)}"
ONE, TWO = side(1), side(2)
TO_ONE, TO_TWO = service(Traffic(revision(1))), service(Traffic(revision(2)))


def test_the_first_version_is_frozen_before_it_has_a_role() -> None:
    first = decide(observed(), NOW)
    assert applied(first) == [f"Create ControllerRevision {W1}"]
    assert first.status is None, "the pass that sees the record says what goes on"
    second = decide(observed(records=records(1)), NOW)
    assert second.status is not None
    assert second.status["candidate"]["revision"] == revision(1)
    assert applied(second) == [f"Apply Deployment {W1}", "Apply Service churn"]
    assert history_ids(second.status)[0].startswith(f"started-{revision(1)}")


def test_replicas_are_never_in_an_apply() -> None:
    plan = decide(observed(records=records(1)), NOW)
    workload_apply = next(w for w in plan.children if isinstance(w, Apply) and w.kind is WORKLOAD)
    assert "replicas" not in workload_apply.body["spec"]


def test_selector_and_template_agree_and_never_change() -> None:
    apply = build.workload(observed(), samples.record(1))
    labels = apply.body["spec"]["template"]["metadata"]["labels"]
    assert apply.body["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert apply.body["metadata"]["name"] != "churn", "never the parent's own name"


@pytest.mark.parametrize(
    ("listed", "front", "writes", "deleted", "why"),
    [
        (
            [workload(1, 2, ready=2, serving=2)],
            TO_ONE,
            [f"Apply Deployment {W1}", "Apply Service churn"],
            [],
            "nothing but what is left out as unchanged",
        ),
        (
            [workload(1, 1, ready=1, serving=1)],
            TO_ONE,
            [f"Apply Deployment {W1}", f"Scale {W1} 2", "Apply Service churn"],
            [],
            "too few pods",
        ),
        (
            [workload(1, 3, ready=3, serving=3)],
            TO_ONE,
            [f"Apply Deployment {W1}", "Apply Service churn", f"Scale {W1} 2"],
            [],
            "too many pods: fewer, after the Service",
        ),
        (
            [workload(1, 2, ready=2, serving=2), workload(2, 1, ready=1, serving=1)],
            TO_ONE,
            [f"Apply Deployment {W1}", "Apply Service churn"],
            [],
            "a side without a role that still has traffic is not touched",
        ),
        (
            [workload(1, 2, ready=2, serving=2), workload(2, 1, ready=1)],
            TO_ONE,
            [f"Apply Deployment {W1}", "Apply Service churn"],
            [W2],
            "it goes when no endpoint is one of its pods",
        ),
        (
            [workload(1, 2, ready=2, serving=2), workload(2, 0, settled=False)],
            TO_ONE,
            [f"Apply Deployment {W1}", "Apply Service churn"],
            [W2],
            "it goes whatever its controller is about to do",
        ),
        (
            [workload(1, 2, ready=2, serving=2), workload(2, 0, deleting=True)],
            TO_ONE,
            [f"Apply Deployment {W1}", "Apply Service churn"],
            [],
            "it is on its way already",
        ),
    ],
)
def test_what_serves_is_kept_and_what_has_no_role_goes(
    listed: Any, front: Any, writes: list[str], deleted: list[str], why: str
) -> None:
    seen = observed(
        DeploymentStatus(stable=ONE), records=records(1, 2), workloads=workloads(*listed), service=front
    )
    plan = decide(seen, NOW)
    assert applied(plan) == writes, why
    assert [d.name for d in plan.deletions if d.kind is WORKLOAD] == deleted, why
    assert all(isinstance(d, Delete) and d.uid and d.resource_version for d in plan.deletions)


def test_children_carry_the_copy_they_were_decided_on() -> None:
    seen = observed(
        DeploymentStatus(stable=ONE),
        records=records(1),
        workloads=workloads(workload(1, 2, ready=2, serving=2)),
        service=TO_ONE,
    )
    known = {w.kind: w.known for w in decide(seen, NOW).children if isinstance(w, Apply)}
    assert known[SERVICE] == TO_ONE
    assert known[WORKLOAD] == seen.workloads[revision(1)].body


# --- situations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "phase", "ready", "why"),
    [
        (
            observed(versions=()),
            "Pending",
            ("False", "ModelVersionMissing"),
            "a version that is not there may come",
        ),
        (
            observed(of=spec(model={"name": "churn", "version": 1, "digest": digest("0")})),
            "Stalled",
            ("False", "DigestMismatch"),
            "somebody must correct it",
        ),
        (
            observed(
                DeploymentStatus(stable=ONE),
                versions=(),
                records=records(1),
                workloads=workloads(workload(1, 2, ready=2, serving=2)),
                service=TO_ONE,
            ),
            "Pending",
            ("False", "ModelVersionMissing"),
            "its version was deleted: it serves on",
        ),
        (
            observed(
                DeploymentStatus(stable=ONE),
                records=records(1),
                workloads=workloads(workload(1, 2, ready=2, serving=2)),
                service=TO_ONE,
            ),
            "Ready",
            ("True", "Serving"),
            "all pods are behind the Service",
        ),
        (
            observed(
                DeploymentStatus(stable=ONE),
                records=records(1),
                workloads=workloads(workload(1, 2, ready=2, serving=1)),
                service=TO_ONE,
            ),
            "Progressing",
            ("False", "PodsNotReady"),
            "ready is not yet reachable",
        ),
        (
            observed(DeploymentStatus(stable=ONE), records=records(1)),
            "Progressing",
            ("False", "PodsNotReady"),
            "its workload was deleted: made again from the record",
        ),
        (
            observed(
                DeploymentStatus(stable=ONE, quarantine=(quarantine(2),)),
                of=spec(model={"name": "churn", "version": 2}),
                versions=(version(1), version(2)),
                records=records(1, 2),
                workloads=workloads(workload(1, 2, ready=2, serving=2)),
                service=TO_ONE,
            ),
            "Aborted",
            ("False", "Aborted"),
            "the pinned bytes have failed here: a person must change something",
        ),
    ],
)
def test_situations(seen: Any, phase: str, ready: tuple[str, str], why: str) -> None:
    plan = decide(seen, NOW)
    assert plan.status is not None
    assert (plan.status["phase"], condition(plan.status, "Ready")) == (phase, ready), why
    serves = any(w.serving_pods for w in seen.workloads.values())
    assert condition(plan.status, "Available") == (
        ("True", "Serving") if serves else ("False", "NothingServes")
    )
    written = DeploymentStatus.model_validate(plan.status)
    assert decide(replace(seen, status=written), LATER).status is None, "nothing happens, nothing is written"


def test_the_same_bytes_under_another_name_are_no_new_rollout() -> None:
    renamed = version(2, digest=samples.BYTES[1])
    seen = observed(
        DeploymentStatus(stable=ONE),
        of=spec(model={"name": "churn", "version": 2}),
        versions=(version(1), renamed),
        records=records(1),
        workloads=workloads(workload(1, 2, ready=2, serving=2)),
        service=TO_ONE,
    )
    plan = decide(seen, NOW)
    assert plan.status is not None
    assert plan.status["phase"] == "Ready"
    assert "candidate" not in plan.status


FIRST = DeploymentStatus(candidate=ONE)


@pytest.mark.parametrize(
    ("listed", "after_seconds", "phase", "ready", "why"),
    [
        ([], 0, "Progressing", "PodsNotReady", "nothing is there yet"),
        ([workload(1, 2, ready=1, starting=1)], 0, "Progressing", "PodsNotReady", "one of two"),
        ([workload(1, 2, ready=2)], 0, "Progressing", "Promoting", "ready in full: it is stable"),
        (
            [workload(1, 2, ready=2, settled=False)],
            0,
            "Progressing",
            "PodsNotReady",
            "an old count says nothing",
        ),
        ([workload(1, 2, starting=2)], 600, "Stalled", "FirstVersionFailed", "not within progressDeadline"),
        ([workload(1, 2, ready=2)], 6000, "Progressing", "Promoting", "late is better than never"),
    ],
)
def test_the_first_version(listed: Any, after_seconds: int, phase: str, ready: str, why: str) -> None:
    seen = observed(FIRST, records=records(1), workloads=workloads(*listed), service=TO_ONE)
    plan = decide(seen, NOW + timedelta(seconds=after_seconds))
    assert plan.status is not None
    assert plan.status["phase"] == phase, why
    assert condition(plan.status, "Ready") == ("False", ready), why
    assert "quarantine" not in plan.status, "a first version that fails is not quarantined"


def test_a_first_version_says_what_is_wrong_with_its_pods() -> None:
    broken = workload(1, 2, starting=1)
    trouble = PodTrouble("ImagePullError", "container server: ErrImagePull")
    pods = tuple(replace(pod, trouble=trouble) for pod in broken.pods)
    seen = observed(
        FIRST,
        records=records(1),
        workloads=workloads(workload(1, 2, starting=1, pods=pods)),
        service=TO_ONE,
    )
    assert condition(decide(seen, NOW).status, "Ready") == ("False", "ImagePullError")
    late = decide(seen, NOW + timedelta(hours=1))
    assert late.status is not None
    message = next(c["message"] for c in late.status["conditions"] if c["type"] == "Stalled")
    assert "ErrImagePull" in message


def test_a_candidate_that_is_no_longer_asked_for_is_dropped_and_not_quarantined() -> None:
    seen = observed(
        DeploymentStatus(stable=ONE, candidate=TWO),
        versions=(version(1), version(2)),
        records=records(1, 2),
        workloads=workloads(workload(1, 2, ready=2, serving=2), workload(2, 1, ready=1, serving=1)),
        service=service(Traffic(revision(1), both=True)),
    )
    plan = decide(seen, NOW)
    assert plan.status is not None
    assert "candidate" not in plan.status
    assert "quarantine" not in plan.status
    assert history_ids(plan.status) == [f"dropped-{revision(2)}-20260304T050607"]
    front = next(w for w in plan.children if isinstance(w, Apply) and w.kind is SERVICE)
    assert front.body["spec"]["selector"]["trimtab.dev/revision"] == revision(1)
    assert f"Scale {W2} 0" not in applied(plan), "not before it has lost its traffic"


def test_a_newer_version_supersedes_the_candidate() -> None:
    seen = observed(
        DeploymentStatus(stable=ONE, candidate=TWO),
        of=spec(model={"name": "churn", "version": 3}),
        versions=(version(1), version(2), version(3)),
        records=records(1, 2, 3),
        workloads=workloads(workload(1, 2, ready=2, serving=2)),
        service=TO_ONE,
    )
    plan = decide(seen, NOW)
    assert plan.status is not None
    assert plan.status["candidate"]["revision"] == revision(3)
    assert [entry.rsplit("-", 1)[0] for entry in history_ids(plan.status)] == [
        f"started-{revision(3)}",
        f"dropped-{revision(2)}",
    ]


# --- traffic that waits for capacity -----------------------------------------------------------------------

SPLIT = service(Traffic(revision(1), both=True))


def selector(plan: Plan) -> str:
    """The revision that the front Service is to select; empty = all of them."""
    front = next(w for w in plan.children if isinstance(w, Apply) and w.kind is SERVICE)
    return str(front.body["spec"]["selector"].get("trimtab.dev/revision", ""))


@pytest.mark.parametrize(
    ("stable_ready", "front", "expected", "why"),
    [
        (2, SPLIT, revision(1), "stable can take it all"),
        (1, SPLIT, "", "above 50 % stable is small: it grows before the candidate loses its traffic"),
        (0, SPLIT, "", "nor is there anybody to take it"),
        (1, TO_ONE, revision(1), "once it is pinned it stays so"),
        (0, TO_ONE, revision(1), "also when endpoints lag behind"),
    ],
)
def test_a_cancelled_candidate_serves_until_stable_can(
    stable_ready: int, front: Any, expected: str, why: str
) -> None:
    seen = observed(
        DeploymentStatus(stable=ONE, candidate=TWO),
        versions=(version(1), version(2)),
        records=records(1, 2),
        workloads=workloads(
            workload(1, 2, ready=stable_ready, serving=stable_ready), workload(2, 2, ready=2, serving=2)
        ),
        service=front,
    )
    plan = decide(seen, NOW)
    assert selector(plan) == expected, why
    after = replace(seen, status=DeploymentStatus.model_validate(plan.status))
    assert selector(decide(after, LATER)) == expected, "and the next pass agrees"


@pytest.mark.parametrize(
    ("old_serving", "new_ready", "expected", "why"),
    [
        (1, 0, revision(1), "half a first version answers more than none"),
        (1, 1, revision(1), "until the next one is ready in full"),
        (1, 2, revision(2), "then it takes over"),
        (0, 0, revision(2), "nobody answers: nothing to keep"),
    ],
)
def test_a_first_version_that_is_replaced_answers_until_the_next_one_does(
    old_serving: int, new_ready: int, expected: str, why: str
) -> None:
    seen = observed(
        DeploymentStatus(candidate=TWO),
        of=spec(model={"name": "churn", "version": 2}),
        versions=(version(1), version(2)),
        records=records(1, 2),
        workloads=workloads(
            workload(1, 2, ready=old_serving, serving=old_serving), workload(2, 2, ready=new_ready)
        ),
        service=TO_ONE,
    )
    assert selector(decide(seen, NOW)) == expected, why


@pytest.mark.parametrize(
    ("stable_pods", "why"),
    [(1, "what is about to go is not grown again"), (2, "and not shrunk before the roles have swapped")],
)
def test_a_candidate_above_half_takes_the_rest_without_new_pods_of_stable(stable_pods: int, why: str) -> None:
    steps = [{"weight": 80}]
    seen = observed(
        DeploymentStatus(stable=ONE, candidate=TWO, step=StepStatus(index=1, started_at=NOW)),
        of=spec(model={"name": "churn", "version": 2}, serving={"replicas": 4}, rollout={"steps": steps}),
        versions=(version(1), version(2)),
        records=records(1, 2),
        workloads=workloads(
            workload(1, stable_pods, ready=stable_pods, serving=stable_pods),
            workload(2, 4, ready=3, serving=3, starting=1),
        ),
        service=SPLIT,
    )
    plan = decide(seen, NOW)
    assert [w for w in plan.children if isinstance(w, Scale)] == [], why
    assert selector(plan) == "", "both sides answer meanwhile"


def test_a_superseded_candidate_has_lost_its_traffic_before_the_next_one_gets_any() -> None:
    """Also when the next one was frozen long ago, so that nothing else has to be written first."""
    seen = observed(
        DeploymentStatus(stable=ONE, candidate=TWO),
        of=spec(model={"name": "churn", "version": 3}, rollout={"steps": [{"weight": 50}]}),
        versions=(version(1), version(2), version(3)),
        records=records(1, 2, 3),
        workloads=workloads(workload(1, 2, ready=2, serving=2), workload(2, 2, ready=2, serving=2)),
        service=SPLIT,
    )
    plan = decide(seen, NOW)
    assert plan.status is not None
    assert plan.status["candidate"]["revision"] == revision(3)
    assert selector(plan) == revision(1)
    third = workload(3, 2, ready=2)
    after = replace(
        seen,
        status=DeploymentStatus.model_validate(plan.status),
        workloads={**seen.workloads, **workloads(third)},
    )
    assert selector(decide(after, LATER)) == revision(1), "a third revision still has pods"
