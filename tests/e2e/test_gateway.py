"""Canaries by weights of a real Gateway under open-loop load: shares are exact, and no request is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from tests import objects
from tests.cluster.processes import wait_until
from tests.e2e.operator_process import kill_while
from tests.e2e.serving import Served, candidate, quarantined, step
from tests.e2e.traffic import BOTH, traffic
from tests.e2e.world import World
from tests.load.rows import DATATYPES, Input, read_pool, request_body
from tests.objects import Object

HOST = "edge.example"
TRAFFIC: Mapping[str, Any] = {
    "provider": "GatewayAPI",
    "gatewayRef": {"name": "edge"},
    "hostnames": [HOST],
    "testers": {"header": "x-beta", "value": "yes"},
    "sticky": {"header": "x-user"},
}
ERRORS = {"metrics": [{"name": "errors", "preset": "errorRate", "maxAbsolute": "0.02"}]}
WEIGHT = 10
STEPS: Sequence[Mapping[str, Any]] = (
    {"weight": WEIGHT},
    {"pause": {}},
    {"weight": 50},
    {"pause": {"for": "3s"}},
)


@pytest.fixture(scope="module")
def served(world: World, gateway: str, fragile: str) -> Served:
    """One pod: with a Gateway any number of them gives any weight."""
    served = Served(world, name="edge", model=fragile)
    served.apply(replicas=1, traffic=TRAFFIC)
    served.ready()
    return served


def candidate_that_waits(served: Served, flavour: str, *, replicas: int = 1) -> str:
    """Revision of a new candidate, once it has traffic and waits for a person."""
    before = candidate(served.get())
    served.apply(replicas=replicas, steps=STEPS, analysis=ERRORS, env={"FLAVOUR": flavour}, traffic=TRAFFIC)

    def waits(deployment: Object) -> bool:
        return candidate(deployment) not in ("", before) and objects.phase(deployment) == "Paused"

    return candidate(served.until(waits, f"{flavour} to wait for a person"))


def test_no_step_nor_any_way_back_loses_a_request_and_the_share_is_that_of_the_route(
    served: Served, gateway: str, pool: Path
) -> None:
    old = served.get()["status"]["stable"]["revision"]
    with traffic(gateway, served.model, pool, connections=BOTH, host=HOST) as load:
        load.wait_for(60)
        load.mark("steps")
        new = candidate_that_waits(served, "sound")
        # Waits for one generator after the other: four times as many in all.
        before = {revision: served.counted(revision) for revision in (old, new)}
        load.wait_for(1300)
        seen = {revision: served.counted(revision) - before[revision] for revision in (old, new)}
        load.mark("promotion")
        served.act("promote")
        deployment = served.ready()
        assert deployment["status"]["stable"]["revision"] == new
        load.mark("rollback")
        served.act("rollback")
        served.until(lambda d: d["status"]["stable"]["revision"] == old, "the revision before")
        served.await_only(old)
        load.mark("abort")
        rejected = candidate_that_waits(served, "rejected")
        served.act("abort")
        aborted = served.until(lambda d: objects.phase(d) == "Aborted", "all traffic to be back")
        served.await_only(old)
        load.wait_for(120)
    load.assert_none_failed(at_least=3000)
    assert sum(seen.values()) >= 5000
    assert abs(100 * seen[new] / sum(seen.values()) - WEIGHT) <= 2, seen
    assert quarantined(aborted) == {new: "RolledBackByPerson", rejected: "AbortedByPerson"}


def test_headers_choose_a_side_for_testers_and_for_clients_that_stay(
    served: Served, gateway: str, pool: Path
) -> None:
    old = served.get()["status"]["stable"]["revision"]
    new = candidate_that_waits(served, "other")
    model = f"{gateway}/v2/models/{served.model}"
    metadata = requests.get(model, headers={"Host": HOST}, timeout=10).json()
    inputs = [Input(one["name"], DATATYPES[one["datatype"]]) for one in metadata["inputs"]]
    body = request_body(read_pool(pool, inputs, "late"), 0)

    def ask(**headers: str) -> dict[str, int]:
        """What each side counts of ten requests."""
        before = {revision: served.counted(revision) for revision in (old, new)}
        for _ in range(10):
            answer = requests.post(
                f"{model}/infer",
                data=body,
                headers={"Host": HOST, "Content-Type": "application/json"}
                | {name.replace("_", "-"): value for name, value in headers.items()},
                timeout=10,
            )
            assert answer.status_code == 200, answer.text
        return {revision: served.counted(revision) - before[revision] for revision in (old, new)}

    assert ask(x_beta="yes") == {old: 0, new: 10}
    assert ask(x_user="6f1c-00") == {old: 0, new: 10}
    assert ask(x_user="6f1c-FF") == {old: 10, new: 0}
    assert ask(x_user="6f1c-FF", x_beta="yes") == {old: 0, new: 10}
    assert sum(ask(x_user="nobody").values()) == 10
    served.act("abort")
    served.until(lambda d: objects.phase(d) == "Aborted", "all traffic to be back")
    served.await_only(old)
    assert requests.get(model, headers={"Host": HOST, "x-beta": "yes"}, timeout=10).ok


def test_supersede_a_drain_and_a_killed_operator_lose_no_request(
    served: Served, gateway: str, pool: Path
) -> None:
    served.apply(replicas=2, traffic=TRAFFIC)
    old = served.ready()["status"]["stable"]["revision"]
    with traffic(gateway, served.model, pool, connections=BOTH, host=HOST) as load:
        load.wait_for(60)
        load.mark("supersede")
        superseded = candidate_that_waits(served, "superseded", replicas=2)
        wanted = candidate_that_waits(served, "wanted", replicas=2)
        load.mark("drain")
        evicted = served.evict_one(old)
        wait_until(lambda: evicted not in served.pods(old) and len(served.pods(old)) == 2, 120, "the drain")
        load.mark("killed in a pause")
        kill_while(served, "paused", lambda d: objects.phase(d) == "Paused")
        load.mark("killed in the promotion")
        served.act("promote")
        kill_while(served, "promoting", lambda d: step(d) == len(STEPS))
        deployment = served.ready()
        load.wait_for(120)
    load.assert_none_failed(at_least=1500)
    assert deployment["status"]["stable"]["revision"] == wanted
    assert superseded not in quarantined(deployment)


def test_the_route_goes_with_the_provider(served: Served) -> None:
    served.apply(replicas=1, traffic={"provider": "ReplicaRatio"})
    served.ready()
    routes = ("httproutes.gateway.networking.k8s.io", "--selector=trimtab.dev/deployment=edge")
    wait_until(lambda: not served.world.get(*routes)["items"], 60, "the route to be gone")
