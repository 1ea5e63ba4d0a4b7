"""One model served: from an approved version to answers, and no request lost while pods come and go."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
from tests import objects
from tests.cluster.processes import wait_until
from tests.e2e.fragile_model import CELSIUS, SOUND
from tests.e2e.serving import Served, is_settled
from tests.e2e.traffic import BOTH, Traffic, traffic
from tests.e2e.world import World
from tests.objects import Object


@pytest.fixture(scope="module")
def unapplied(world: World, fragile: str) -> Served:
    return Served(world, name="serving", model=fragile)


@pytest.fixture(scope="module")
def failed_first(unapplied: Served) -> Object:
    """As it was when its first version had not become ready in time."""
    unapplied.apply(env={"FRAGILE": "hang"}, deadline="15s")
    return unapplied.until(
        lambda d: objects.condition(d, "Stalled").get("status") == "True", "Stalled", seconds=120
    )


@pytest.fixture(scope="module")
def served(unapplied: Served, failed_first: Object, pool: Path) -> Served:
    """Two pods of version 1, asked from the moment at which the first of them was ready."""
    unapplied.apply()
    unapplied.until(lambda d: objects.condition(d, "Available").get("status") == "True", "Available")
    with traffic(unapplied.url, unapplied.model, pool, connections=BOTH) as load:
        unapplied.ready()
        load.wait_for(60)
    load.assert_none_failed(at_least=60)
    return unapplied


def test_a_first_version_that_does_not_start_is_said_and_not_quarantined(failed_first: Object) -> None:
    ready = objects.condition(failed_first, "Ready")
    assert (objects.phase(failed_first), ready["reason"]) == ("Stalled", "FirstVersionFailed")
    assert "quarantine" not in failed_first["status"]


def test_it_serves_what_was_registered(served: Served) -> None:
    deployment = served.ready()
    version = served.world.get("modelversion", f"{served.model}-v{SOUND}")
    assert deployment["status"]["stable"]["digest"] == version["spec"]["artifact"]["digest"]
    assert objects.condition(deployment, "Available")["status"] == "True"
    assert {"deployment": served.name, "role": "Stable"} in version["status"]["servedBy"]
    page = requests.get(f"{served.url}/metrics", timeout=10).text
    assert version["spec"]["artifact"]["digest"] in page


def test_a_second_apply_changes_nothing(served: Served) -> None:
    before, pods = served.get()["metadata"], served.pods()
    assert served.apply().split()[1] == "unchanged"
    after = served.get()["metadata"]
    assert (after["generation"], after["resourceVersion"]) == (
        before["generation"],
        before["resourceVersion"],
    )
    assert served.pods() == pods


def test_bad_input_names_the_field(served: Served) -> None:
    body = {"inputs": [{"name": "temp", "datatype": "FP64", "shape": [1], "data": [40.0]}]}
    answer = requests.post(f"{served.url}/v2/models/{served.model}/infer", json=body, timeout=10)
    assert answer.status_code == 400
    assert "carrier" in answer.text


def test_no_request_fails_through_scaling_and_drain(served: Served, pool: Path) -> None:
    """60 requests per second with new connections and 60 with kept ones; every label comes back."""
    with traffic(served.url, served.model, pool, connections=BOTH) as load:
        load.wait_for(120)
        load.mark("scale up")
        served.apply(replicas=3)
        _await_replicas(served, 3)
        load.mark("drain of a pod")
        evicted = served.evict_one()
        wait_until(lambda: evicted not in served.pods(), 120, "the evicted pod to be gone")
        _await_replicas(served, 3)
        load.mark("scale down")
        served.apply(replicas=2)
        _await_replicas(served, 2)
        load.wait_for(120)
    load.assert_none_failed(at_least=600)
    _assert_labels_came_back(load)


def _await_replicas(served: Served, count: int) -> None:
    def holds(deployment: Object) -> bool:
        return is_settled(deployment, "True") and deployment["status"].get("replicas") == count

    served.until(holds, f"Ready with {count} pods")
    wait_until(lambda: len(served.pods()) == count, 120, f"{count} pods")


def _assert_labels_came_back(load: Traffic) -> None:
    for summary in load.final:
        labels, answered = summary["labels"], summary["total"]["answered"]
        assert labels == {"accepted": answered, "sent": answered}, labels


def test_follow_and_pin(served: Served, pool: Path) -> None:
    """A pin stays whatever is approved; `follow` takes the newest; a pin goes back. No request fails."""
    assert served.ready()["status"]["stable"]["modelVersion"] == f"{served.model}-v{SOUND}"
    with traffic(served.url, served.model, pool) as load:
        load.wait_for(60)
        load.mark("follow")
        served.apply(version=None)
        served.ready(CELSIUS)
        load.mark("pin")
        served.apply(version=SOUND)
        served.ready(SOUND)
        load.wait_for(60)
    load.assert_none_failed(at_least=300)


def test_deleting_it_leaves_nothing(served: Served) -> None:
    world = served.world
    world.kubectl("delete", "deployments.trimtab.dev", served.name, "--namespace", world.namespace)
    kinds = "deployments.apps,pods,services,configmaps,controllerrevisions"

    def left() -> list[Object]:
        found: list[Object] = world.get(kinds, f"--selector=trimtab.dev/deployment={served.name}")["items"]
        return found

    wait_until(lambda: not left(), 120, f"everything of {served.name} to be gone")
