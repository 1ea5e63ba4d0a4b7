"""Shadow steps: copies of requests for a candidate that nobody hears, by a played Gateway."""

from __future__ import annotations

import json

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.harness.api import DEPLOYMENT, condition, wait_until
from tests.harness.deployments import ANALYZE, HOLD, WEIGHT, Deployments, plant, reasons, revision
from tests.harness.gateway import TRAFFIC, PlayedGateway
from tests.harness.lab import Lab

from trimtab.model.kinds import GATEWAY_CLASS, HTTP_ROUTE
from trimtab.model.names import probe_route

BY_ROUTE = {"spec.traffic": TRAFFIC}
SHADOW = {"shadow": {"percent": 40}}
PROBE = probe_route("flights")

pytestmark = pytest.mark.usefixtures("gateway_kinds")


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


def test_a_candidate_is_judged_on_copies_and_begins_anew_with_its_first_weight(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    steps = (SHADOW, ANALYZE, HOLD, WEIGHT, HOLD)
    old = f"flights-{revision(deployments.served(*steps, edits=BY_ROUTE | {'spec.serving.replicas': 2}))}"
    plant(lab.api, 2)
    deployments.reason("AwaitingPerson")
    copied = deployments.until(lambda d: d["status"]["weight"].get("observed", 0) > 0)
    new = f"flights-{revision(copied, 'candidate')}"
    assert gateway.weights() == {old: 100}
    assert gateway.copies() == {new: 40}
    assert lab.api.find(HTTP_ROUTE, PROBE) is None, "it was answered"
    weight = copied["status"]["weight"]
    assert {key: weight[key] for key in ("desired", "applied", "mirror")} == {
        "desired": 0,
        "applied": 0,
        "mirror": 40,
    }
    # Clients ask the front Service as often as the Gateway: 40 copies for 200 requests of stable.
    assert 15 <= weight["observed"] <= 25, "copies per hundred requests of stable"
    passed = {m["metric"]: m["samples"] for m in copied["status"]["analysis"]}["errors"]
    deployments.act("promote", "p-1")
    live = deployments.until(
        lambda d: condition(d, "Ready")["reason"] == "AwaitingPerson" and d["status"]["step"]["index"] == 4
    )
    assert gateway.weights() == {old: 50, new: 50}
    assert gateway.copies() == {}
    assert "mirror" not in live["status"]["weight"]
    samples = {m["metric"]: m["samples"] for m in live["status"]["analysis"]}["errors"]
    assert samples < passed, "answers are not added to copies"
    deployments.act("promote", "p-2")
    done = deployments.ready("flights-v2")
    assert [r for r in reasons(done) if r.endswith("Applied")] == ["MirrorApplied", "WeightApplied"]
    assert lab.player.serving.unanswered == 0


def test_a_candidate_that_fails_on_copies_costs_no_client_an_answer(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    old = f"flights-{revision(deployments.served(SHADOW, HOLD, WEIGHT, edits=BY_ROUTE))}"
    plant(lab.api, 2)
    new = revision(deployments.at_step(1), "candidate")
    assert gateway.copies() == {f"flights-{new}": 40}
    lab.player.serving.fail_requests(new)
    given_up = deployments.reason("CandidateRejected")
    assert given_up["status"]["quarantine"][0]["reason"] == "AnalysisFailed"
    assert (gateway.weights(), gateway.copies()) == ({old: 100}, {})
    assert lab.player.serving.unanswered == 0


AGREEMENT = {"name": "same", "preset": "agreement", "minAgreement": "0.9", "onFail": "Abort"}
COMPARED = BY_ROUTE | {"spec.rollout.analysis.metrics": [AGREEMENT]}


def test_answers_to_the_same_requests_are_compared_one_by_one(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    deployments.served(SHADOW, ANALYZE, HOLD, WEIGHT, ANALYZE, edits=COMPARED)
    plant(lab.api, 2)
    held = deployments.reason("AwaitingPerson")
    (same,) = [one for one in held["status"]["analysis"] if one["metric"] == "same"]
    assert (same["value"], same["bound"]) == ("1", "0.9"), "else the analysis would not be over"
    assert same["samples"] >= ANALYZE["analyze"]["minSamples"]
    deployments.act("promote", "p-1")
    deployments.ready("flights-v2")
    lab.player.serving.give_score(revision(held, "candidate"), 0.4)
    plant(lab.api, 3)
    other = revision(deployments.at_step(1), "candidate")
    lab.player.serving.give_score(other, 0.6)
    given_up = deployments.reason("CandidateRejected")["status"]["quarantine"][0]
    assert (given_up["revision"], given_up["reason"]) == (other, "AnalysisFailed")
    assert "pairs are of one class, scores differ by 0." in given_up["message"]
    assert lab.player.serving.unanswered == 0


def test_a_gateway_that_copies_nothing_is_asked_beside_the_traffic(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    gateway.copies_nothing = "filter RequestMirror is not supported"
    edits = BY_ROUTE | {"spec.rollout.progressDeadline": "2s"}
    first = deployments.served(SHADOW, HOLD, edits=edits)
    plant(lab.api, 2)
    refused = deployments.reason("MirrorNotAccepted")
    assert gateway.copies_nothing in condition(refused, "Ready")["message"]
    assert lab.api.find(HTTP_ROUTE, PROBE) is not None
    wait_until(lambda: gateway.weights() == {f"flights-{revision(first)}": 100}, "the route of clients")
    assert gateway.copies() == {}, "the route of clients was never touched"
    lab.settle()
    assert "quarantine" not in deployments.get()["status"], "no deadline counts meanwhile"
    lab.api.patch(DEPLOYMENT, "flights", {"spec": {"rollout": {"steps": [WEIGHT]}}})
    deployments.ready("flights-v2")
    lab.api.wait_gone(HTTP_ROUTE, PROBE)
    assert lab.player.serving.unanswered == 0


def test_a_class_that_does_not_list_copies_is_believed_without_asking(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway, control_plane: ControlPlane
) -> None:
    """A controller may accept the filter, and answer the requests of the route with 500."""
    name = f"of-{lab.api.namespace}"
    gateway.controller = f"{name}.example/gateway"
    kind = {"apiVersion": GATEWAY_CLASS.api_version, "kind": GATEWAY_CLASS.name, "metadata": {"name": name}}
    kubectl = control_plane.kubectl
    kubectl.apply(kind | {"spec": {"controllerName": gateway.controller}})
    features = json.dumps({"status": {"supportedFeatures": [{"name": "HTTPRoute"}]}})
    try:
        patch = ("--subresource=status", "--type=merge", "-p", features)
        kubectl("patch", "gatewayclass", name, *patch)
        deployments.served(SHADOW, HOLD, edits=BY_ROUTE)
        plant(lab.api, 2)
        refused = condition(deployments.reason("MirrorNotAccepted"), "Ready")["message"]
        assert f"{name} does not list HTTPRouteRequestPercentageMirror" in refused
        assert lab.api.find(HTTP_ROUTE, PROBE) is None
        assert gateway.copies() == {}
    finally:
        kubectl("delete", "gatewayclass", name)


def test_an_abort_while_requests_are_copied_ends_the_copies_and_the_question(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    old = f"flights-{revision(deployments.served(SHADOW, HOLD, edits=BY_ROUTE))}"
    gateway.silent = True
    plant(lab.api, 2)
    lab.api.wait(HTTP_ROUTE, PROBE, lambda route: route["spec"]["rules"][0]["filters"])
    deployments.act("abort", "a-1")
    gateway.silent = False
    deployments.reason("CandidateRejected")
    lab.api.wait_gone(HTTP_ROUTE, PROBE)
    assert (gateway.weights(), gateway.copies()) == ({old: 100}, {})
