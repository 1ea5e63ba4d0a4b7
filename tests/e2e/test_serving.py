"""One model served: from an approved version to answers, and no request lost while pods come and go."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from tests import objects
from tests.cluster.processes import wait_until
from tests.e2e.serving import Served
from tests.e2e.traffic import assert_none_failed, traffic
from tests.e2e.world import World

MODEL = "serving"


@pytest.fixture(scope="module")
def served(world: World) -> Served:
    """Version 1 of a model of its own, behind a Deployment of two pods that has become Ready."""
    world.apply(world.single("serving-first", model=MODEL))
    world.approved(world.succeeded("serving-first")["status"]["result"]["modelVersion"])
    served = Served(world, MODEL)
    served.apply(replicas=2)
    served.ready(f"{MODEL}-v1")
    return served


def test_it_serves_what_was_registered(served: Served) -> None:
    deployment = served.ready(f"{MODEL}-v1")
    version = served.world.get("modelversion", f"{MODEL}-v1")
    assert deployment["status"]["stable"]["digest"] == version["spec"]["artifact"]["digest"]
    assert objects.condition(deployment, "Available")["status"] == "True"
    assert version["status"]["servedBy"] == [{"deployment": MODEL, "role": "Stable"}]
    page = requests.get(f"{served.url}/metrics", timeout=10).text
    assert version["spec"]["artifact"]["digest"] in page


def test_a_second_apply_changes_nothing(served: Served) -> None:
    before = served.world.get("deployments.trimtab.dev", MODEL)["metadata"]
    pods = {pod["metadata"]["uid"] for pod in served.pods()}
    served.apply(replicas=2)
    after = served.world.get("deployments.trimtab.dev", MODEL)["metadata"]
    assert (after["generation"], after["resourceVersion"]) == (
        before["generation"],
        before["resourceVersion"],
    )
    assert {pod["metadata"]["uid"] for pod in served.pods()} == pods


def test_bad_input_names_the_field(served: Served) -> None:
    body = {"inputs": [{"name": "temp", "datatype": "FP64", "shape": [1], "data": [40.0]}]}
    answer = requests.post(f"{served.url}/v2/models/{MODEL}/infer", json=body, timeout=10)
    assert answer.status_code == 400
    assert "carrier" in answer.text


@pytest.mark.parametrize("keep_alive", [False, True], ids=["new-connections", "keep-alive"])
def test_no_request_fails_through_scaling_and_drain(served: Served, tmp_path: Path, keep_alive: bool) -> None:
    """60 requests per second through a scale up, an eviction of a pod, and a scale down."""
    pool = served.pool(tmp_path)
    with traffic(served.url, MODEL, pool, keep_alive=keep_alive) as (load, done):
        load.wait_for(120)
        load.mark("scale up")
        served.apply(replicas=3)
        served.until(lambda d: d.get("status", {}).get("replicas") == 3, "3 pods ready")
        load.wait_for(120)
        load.mark("drain of a pod")
        victim = served.pods()[0]["metadata"]["name"]
        served.evict(victim)
        wait_until(lambda: victim not in _names(served), 120, f"{victim} to be gone")
        served.until(lambda d: d.get("status", {}).get("replicas") == 3, "3 pods ready again")
        load.mark("scale down")
        served.apply(replicas=2)
        wait_until(lambda: len(served.pods()) == 2, 120, "2 pods left")
        load.wait_for(120)
    assert_none_failed(done[0], at_least=500)


def _names(served: Served) -> set[str]:
    return {pod["metadata"]["name"] for pod in served.pods()}
