"""Copies of requests, by a Gateway that makes them (Envoy) and by one that does not (Traefik), under load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests import objects
from tests.cluster import envoy_gateway
from tests.cluster.provider import Cluster
from tests.e2e.serving import Served, candidate, quarantined, step
from tests.e2e.traffic import BOTH, traffic
from tests.e2e.world import World
from tests.objects import Object

HOST, GATEWAY = "shadow.example", "copying"
PERCENT, WEIGHT = 20, 50
STEPS: Sequence[Mapping[str, Any]] = (
    {"shadow": {"percent": PERCENT}},
    {"analyze": {"minSamples": 100}},
    {"pause": {}},
    {"weight": WEIGHT},
    {"pause": {}},
)
COPIES, LIVE = 2, 4
"""The steps that wait for a person."""
ANALYSIS = {
    "metrics": [
        {"name": "errors", "preset": "errorRate", "maxAbsolute": "0.02"},
        {"name": "same", "preset": "agreement", "minAgreement": "0.99", "onFail": "Abort"},
    ]
}
SHARE = 2
"""Points that a share may be off, at 5,000 requests."""


def traffic_of(gateway: str) -> dict[str, Any]:
    return {"provider": "GatewayAPI", "gatewayRef": {"name": gateway}, "hostnames": [HOST]}


@pytest.fixture(scope="module")
def copying(world: World, gateway: str, cluster: Cluster) -> Iterator[str]:
    """URL of a Gateway that copies requests. ``gateway``: the operator has started since its kinds are."""
    envoy_gateway.install(cluster)
    world.apply(envoy_gateway.gateway(GATEWAY))
    yield envoy_gateway.url(world.kubectl, GATEWAY, world.namespace)
    world.kubectl("delete", f"gateway/{GATEWAY}", f"--namespace={world.namespace}")
    envoy_gateway.remove(world.kubectl)


@pytest.fixture(scope="module")
def served(world: World, copying: str, fragile: str) -> Served:
    served = Served(world, name="shadow", model=fragile)
    served.apply(replicas=1, traffic=traffic_of(GATEWAY))
    served.ready()
    return served


def candidate_of(served: Served, gateway: str = GATEWAY, **env: str) -> None:
    served.apply(replicas=1, steps=STEPS, analysis=ANALYSIS, env=env, traffic=traffic_of(gateway))


def waits_at(served: Served, index: int) -> str:
    """Revision of the candidate, once it waits for a person in that step."""

    def waits(deployment: Object) -> bool:
        return objects.phase(deployment) == "Paused" and step(deployment) == index

    return candidate(served.until(waits, f"step {index} to wait for a person"))


def test_a_percentage_of_the_requests_is_copied_and_no_client_notices(
    served: Served, copying: str, pool: Path
) -> None:
    old = served.get()["status"]["stable"]["revision"]
    with traffic(copying, served.model, pool, connections=BOTH, host=HOST) as load:
        load.wait_for(60)
        load.mark("copies")
        candidate_of(served, FLAVOUR="sound")
        new = waits_at(served, COPIES)
        (same,) = [m for m in served.get()["status"]["analysis"] if m["metric"] == "same"]
        before = {revision: served.counted(revision) for revision in (old, new)}
        # Waits for one generator after the other: twice as many and more in all.
        load.wait_for(2500)
        seen = {revision: served.counted(revision) - before[revision] for revision in (old, new)}
        load.mark("weight")
        served.act("promote")
        waits_at(served, LIVE)
        load.wait_for(60)
        load.mark("abort")
        served.act("abort")
        aborted = served.until(lambda d: objects.phase(d) == "Aborted", "all traffic to be back")
        served.await_only(old)
        load.mark("errors on copies")
        candidate_of(served, FRAGILE="errors")
        given_up = served.until(
            lambda d: objects.phase(d) == "Aborted" and len(quarantined(d)) == 2,
            "the candidate to be given up",
        )
        served.await_only(old)
    load.assert_none_failed(at_least=3000)
    assert seen[old] >= 5000
    assert abs(100 * seen[new] / seen[old] - PERCENT) <= SHARE, seen
    assert same["value"] == "1", "the same bytes say the same"
    assert same["samples"] >= 100
    assert quarantined(aborted) == {new: "AbortedByPerson"}
    assert sorted(quarantined(given_up).values()) == ["AbortedByPerson", "AnalysisFailed"]


def test_a_gateway_that_copies_nothing_is_found_out_beside_the_traffic(
    served: Served, gateway: str, pool: Path
) -> None:
    served.apply(replicas=1, traffic=traffic_of("edge"))
    old = served.ready()["status"]["stable"]["revision"]
    with traffic(gateway, served.model, pool, connections=BOTH, host=HOST) as load:
        load.wait_for(60)
        load.mark("asked")
        candidate_of(served, "edge", FLAVOUR="copied")

        def is_refused(deployment: Object) -> bool:
            return objects.condition(deployment, "Ready").get("reason") == "MirrorNotAccepted"

        refused = served.until(is_refused, "the Gateway to refuse")
        load.wait_for(120)
        load.mark("abort")
        served.act("abort")
        served.until(lambda d: objects.phase(d) == "Aborted", "all traffic to be back")
        served.await_only(old)
    load.assert_none_failed(at_least=300)
    assert "RequestMirror" in objects.condition(refused, "Ready")["message"]
