"""The registry goes away and comes back: nothing is lost, and nobody has to touch anything."""

from __future__ import annotations

from tests import objects
from tests.e2e.world import World

from flights.demo import manifests


def test_an_experiment_waits_for_the_registry(world: World) -> None:
    name = "before-outage"
    with world.registry_away():
        world.apply(world.single(name, model="outage"))
        waiting = world.until(
            name,
            lambda e: objects.condition(e, "Ready").get("reason") == "RegistryUnavailable",
            "to say that the registry does not answer",
            seconds=60,
        )
        assert objects.phase(waiting) == "Pending"
        assert waiting["status"].get("trials", []) == []
        assert world.registry.address not in str(waiting["status"])
    done = world.succeeded(name)
    assert done["metadata"]["generation"] == waiting["metadata"]["generation"]


def test_an_outage_does_not_cost_a_training_run(world: World) -> None:
    name = "during-outage"
    # Trains only after the test has seen it start, so that fetch is over when the registry goes.
    document = manifests.trial_with(
        world.single(name, model="outage"),
        command=["sh", "-c", "sleep 8 && exec python -m flights.train"],
    )
    world.apply(document)
    world.await_container(name, "train", "running")
    with world.registry_away():
        pod = world.await_container(name, "publish", "running")
    done = world.succeeded(name)
    assert [p["metadata"]["uid"] for p in world.trial_pods(name)] == [pod["metadata"]["uid"]]
    (trial,) = done["status"]["trials"]
    assert trial["attempt"] == 1
