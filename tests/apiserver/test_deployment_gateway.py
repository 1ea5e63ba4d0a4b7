"""Canaries by an HTTPRoute on a real API server with the CRDs of the Gateway API; a played controller."""

from __future__ import annotations

import pytest
from tests.harness import kstatus
from tests.harness.api import DEPLOYMENT, SERVICE, WORKLOAD, condition, phase, wait_until
from tests.harness.deployments import ANALYZE, FAST, HOLD, WEIGHT, Deployments, body, plant, reasons, revision
from tests.harness.gateway import HOSTNAME, TRAFFIC, PlayedGateway
from tests.harness.lab import Lab

from trimtab.model.kinds import GATEWAY, HTTP_ROUTE

BY_ROUTE = {"spec.traffic": TRAFFIC}

pytestmark = pytest.mark.usefixtures("gateway_kinds")


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = 200.0
    return Deployments(lab)


def test_a_candidate_gets_its_weights_from_the_route_and_takes_over(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    steps = ({"weight": 5}, ANALYZE, {"weight": 50}, HOLD)
    first = deployments.served(*steps, edits=BY_ROUTE | {"spec.serving.replicas": 2})
    old = f"flights-{revision(first)}"
    assert gateway.weights() == {old: 100}
    plant(lab.api, 2)
    new = f"flights-{revision(deployments.at_step(1), 'candidate')}"
    assert gateway.weights() == {old: 95, new: 5}
    waiting = deployments.reason("AwaitingPerson")
    assert gateway.weights() == {old: 50, new: 50}
    assert (waiting["status"]["weight"]["applied"], waiting["status"]["phase"]) == (50, "Paused")
    assert [lab.api.get(WORKLOAD, name)["spec"]["replicas"] for name in (old, new)] == [2, 1]
    assert deployments.selected() == revision(first), "the front Service stays on stable"
    deployments.act("promote", "p-1")
    done = deployments.ready("flights-v2")
    assert gateway.weights() == {new: 100}
    assert deployments.selected() == revision(done)
    assert kstatus.broken_rules(done) == []
    for kind in (WORKLOAD, SERVICE):
        lab.api.wait_gone(kind, old)
    assert reasons(done)[-1] == "Promoted"
    assert lab.player.serving.unanswered == 0


def test_headers_choose_a_side_while_there_are_two(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    def headers() -> list[tuple[str, str, list[str]]]:
        """Of each rule that asks for one: the header, how it is matched, and where the request goes."""
        rules = lab.api.get(HTTP_ROUTE, "flights")["spec"]["rules"]
        matches = [(rule["matches"][0].get("headers", [{}])[0], rule["backendRefs"]) for rule in rules]
        return [(h["name"], h["type"], [b["name"] for b in backends]) for h, backends in matches if h]

    chosen = {"testers": {"header": "x-beta", "value": "yes"}, "sticky": {"header": "x-user"}}
    first = deployments.served(WEIGHT, HOLD, edits={"spec.traffic": TRAFFIC | chosen})
    assert headers() == []
    plant(lab.api, 2)
    held = deployments.reason("AwaitingPerson")
    old, new = f"flights-{revision(first)}", f"flights-{revision(held, 'candidate')}"
    assert gateway.weights() == {old: 50, new: 50}
    assert headers() == [
        ("x-beta", "Exact", [new]),
        ("x-user", "RegularExpression", [new]),
        ("x-user", "RegularExpression", [old]),
    ]
    lab.settle()
    deployments.act("abort", "a-1")
    deployments.reason("CandidateRejected")
    assert headers() == []
    assert lab.player.serving.unanswered == 0


def test_an_abort_is_one_write_and_the_candidates_pods_wait_for_the_gateway(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    first = deployments.served(WEIGHT, HOLD, edits=BY_ROUTE)
    plant(lab.api, 2)
    candidate = revision(deployments.reason("AwaitingPerson"), "candidate")
    gateway.silent = True
    deployments.act("abort", "a-1")
    wait_until(lambda: gateway.weights() == {f"flights-{revision(first)}": 100}, "traffic to go back")
    aborting = deployments.until(lambda d: phase(d) == "Aborting")
    lab.settle()
    workload = lab.api.get(WORKLOAD, f"flights-{candidate}")
    assert workload["spec"]["replicas"] == 1, "nothing says yet that the data plane has left it"
    assert aborting["status"]["quarantine"][0]["reason"] == "AbortedByPerson"
    gateway.silent = False
    deployments.reason("CandidateRejected")
    lab.api.wait_gone(SERVICE, f"flights-{candidate}")
    assert lab.player.serving.unanswered == 0


def test_what_the_gateway_says_against_the_route_is_quoted_and_nothing_is_believed(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    deployments.served(WEIGHT, HOLD, edits=BY_ROUTE)
    gateway.refusal = "no listener allows routes from here"
    plant(lab.api, 2)
    # Also before the candidate's first step: stable's own route is refused by then.
    refused = deployments.until(
        lambda d: condition(d, "Ready")["reason"] == "RouteNotAccepted" and "step" in d["status"]
    )
    assert gateway.refusal in condition(refused, "Ready")["message"]
    assert kstatus.verdict(refused) == "InProgress"
    assert (refused["status"]["step"]["index"], refused["status"]["weight"]["applied"]) == (0, 0)
    gateway.refusal = ""
    held = deployments.reason("AwaitingPerson")
    assert held["status"]["weight"]["applied"] == 50
    lab.api.delete(GATEWAY, "edge")
    gone = deployments.reason("RouteNotAccepted")
    assert "there is no gateways.gateway.networking.k8s.io" in condition(gone, "Ready")["message"]


def test_a_route_that_others_edit_or_delete_is_put_back(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    stable = f"flights-{revision(deployments.served(edits=BY_ROUTE))}"
    lab.settle()
    elsewhere = [{"backendRefs": [{"name": "elsewhere", "port": 80}]}]
    lab.api.patch(HTTP_ROUTE, "flights", {"spec": {"hostnames": ["other.example"], "rules": elsewhere}})
    lab.api.wait(HTTP_ROUTE, "flights", lambda r: r["spec"]["hostnames"] == [HOSTNAME])
    wait_until(lambda: gateway.weights() == {stable: 100}, "the weights to be back")
    lab.api.delete(HTTP_ROUTE, "flights")
    wait_until(lambda: gateway.weights() == {stable: 100}, "the route to be back")
    lab.api.delete(SERVICE, stable)
    lab.api.wait(SERVICE, stable, lambda s: s["spec"]["selector"])
    deployments.ready("flights-v1")


def test_a_hostname_belongs_to_the_older_deployment(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    deployments.served(edits=BY_ROUTE)
    lab.api.create(DEPLOYMENT, body(edits=BY_ROUTE | {"metadata.name": "younger"}))
    conflict = lab.api.wait(
        DEPLOYMENT, "younger", lambda d: condition(d, "Ready").get("reason") == "HostnameConflict"
    )
    assert HOSTNAME in condition(conflict, "Ready")["message"]
    assert kstatus.verdict(conflict) == "Failed"
    assert lab.api.find(HTTP_ROUTE, "younger") is None
    assert condition(deployments.get(), "Ready")["status"] == "True"
    lab.api.delete(DEPLOYMENT, "flights")
    lab.api.wait(DEPLOYMENT, "younger", lambda d: condition(d, "Ready").get("status") == "True")


def test_a_foreign_route_of_the_name_is_left_alone(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    theirs = {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.name,
        "metadata": {"name": "flights"},
        "spec": {
            "hostnames": ["theirs.example"],
            "rules": [{"backendRefs": [{"name": "theirs", "port": 80}]}],
        },
    }
    lab.api.create(HTTP_ROUTE, theirs)
    gateway.silent = True
    plant(lab.api, 1)
    deployments.create(edits=BY_ROUTE)
    lab.run_operator(**FAST)
    conflict = deployments.reason("NameConflict")
    assert str(HTTP_ROUTE) in condition(conflict, "Ready")["message"]
    assert lab.api.get(HTTP_ROUTE, "flights")["spec"]["hostnames"] == ["theirs.example"]


def test_the_route_goes_when_the_provider_changes(
    lab: Lab, deployments: Deployments, gateway: PlayedGateway
) -> None:
    stable = f"flights-{revision(deployments.served(edits=BY_ROUTE))}"
    deployments.patch(traffic={"provider": "ReplicaRatio", "gatewayRef": None, "hostnames": None})
    for kind, name in ((HTTP_ROUTE, "flights"), (SERVICE, stable)):
        lab.api.wait_gone(kind, name)
    deployments.ready("flights-v1")
    assert lab.player.serving.unanswered == 0
