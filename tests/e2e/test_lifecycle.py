"""Suspension, hopeless Experiments, and upgrades that change nothing."""

from __future__ import annotations

from typing import Any

from tests import installation, objects
from tests.cluster.processes import wait_until
from tests.e2e.world import NAMESPACE, World

from flights.demo import manifests

# A shell ends at once when it is asked to, where `sleep` as a container's first process would not listen.
LONG = "trap 'exit 1' TERM; sleep 600 & wait"
STUCK = ["sh", "-c", LONG]
# The first trial says that retrying is useless; the second would go on for ten minutes.
FIRST_FAILS = ["sh", "-c", f"grep -q '\"trial\": *1[,}}]' /trimtab/in/trial.json && exit 42; {LONG}"]


def _suspend(world: World, name: str, suspend: bool) -> None:
    change = f'{{"spec":{{"suspend":{str(suspend).lower()}}}}}'
    world.kubectl(
        "patch", "experiment", name, "--namespace", world.namespace, "--type=merge", f"--patch={change}"
    )


def test_suspend_stops_the_pods_and_resume_starts_them(world: World) -> None:
    name = "suspended"
    world.apply(manifests.trial_with(world.single(name, model="lifecycle"), command=STUCK))
    world.await_container(name, "train", "running")
    _suspend(world, name, True)
    world.until(name, lambda e: objects.phase(e) == "Suspended", "to be suspended", seconds=60)
    wait_until(lambda: not world.trial_pods(name), 90, f"the pods of {name} to end")
    _suspend(world, name, False)
    world.await_container(name, "train", "running")
    assert len(world.get("jobs", f"--selector=trimtab.dev/experiment={name}")["items"]) == 1
    world.kubectl("delete", "experiment", name, "--namespace", world.namespace)


def test_what_still_runs_is_stopped_when_the_experiment_has_failed(world: World) -> None:
    name = "hopeless"
    budget = {"maxTrials": 2, "parallelTrials": 2, "maxFailedTrials": 0}
    document = world.experiment(name, model="lifecycle", budget=budget)
    world.apply(manifests.trial_with(document, command=FIRST_FAILS))
    experiment = world.ended(name)
    assert objects.condition(experiment, "Ready")["reason"] == "TrialsFailed"
    assert [trial["phase"] for trial in experiment["status"]["trials"]] == ["Failed", "Failed"]
    wait_until(lambda: not world.trial_pods(name, trial=2), 90, "the second trial's pod to end")


def test_a_second_upgrade_changes_nothing(world: World) -> None:
    before = _installed(world)
    installation.upgrade(world.registry, world.images, [NAMESPACE])
    assert _installed(world) == before


def test_a_standby_takes_over_and_one_replica_is_enough_again(world: World) -> None:
    try:
        installation.upgrade(world.registry, world.images, [NAMESPACE], replicas=2)
        leader = _leader(world)
        pods = _operator_pods(world)
        assert len(pods) == 2 and leader in pods
        world.kubectl("delete", "pod", leader, "--namespace", installation.NAMESPACE, "--wait=false")
        wait_until(lambda: _leader(world) in pods - {leader}, 60, "the standby to lead")
    finally:
        installation.upgrade(world.registry, world.images, [NAMESPACE])
    wait_until(lambda: len(_operator_pods(world)) == 1, 60, "one replica")
    wait_until(lambda: _leader(world) in _operator_pods(world), 60, "it to lead")


def test_uninstalling_leaves_users_objects(world: World) -> None:
    name = "kept"
    world.apply(world.single(name, model="lifecycle", suspend=True))
    world.until(name, lambda e: objects.phase(e) == "Suspended", "to be seen", seconds=60)
    before = world.get("experiments", name)
    try:
        installation.uninstall(world.registry)
        # helm waits for the Deployment; its pod takes a few seconds more to release the Lease.
        wait_until(lambda: not _operator_pods(world, ending=True), 60, "the operator to end")
        assert world.get("experiments", name) == before
    finally:
        installation.upgrade(world.registry, world.images, [NAMESPACE])
    assert world.get("experiments", name) == before


def _operator_pods(world: World, *, ending: bool = False) -> set[str]:
    """Names of the operator's pods; with `ending` those too that are being deleted."""
    selector = f"--selector=app.kubernetes.io/instance={installation.RELEASE}"
    pods = world.kubectl.get("pods", selector, "--namespace", installation.NAMESPACE)["items"]
    return {pod["metadata"]["name"] for pod in pods if ending or not pod["metadata"].get("deletionTimestamp")}


def _leader(world: World) -> str:
    """The pod that holds the Lease; empty while none does. An identity starts with its pod's name."""
    lease = world.get("leases", "trimtab")
    holder = lease["spec"].get("holderIdentity") or ""
    return next((pod for pod in _operator_pods(world) if holder.startswith(f"{pod}-")), "")


def _installed(world: World) -> dict[str, Any]:
    """(generation, spec-bearing version) of every object of the release that Helm manages."""
    kinds = "deployments.apps,configmaps,serviceaccounts,roles,rolebindings"
    release = f"--selector=app.kubernetes.io/instance={installation.RELEASE}"
    found = [
        *world.kubectl.get(kinds, release, "--namespace", installation.NAMESPACE)["items"],
        *world.kubectl.get(kinds, release, "--namespace", NAMESPACE)["items"],
        *world.kubectl.get("customresourcedefinitions")["items"],
    ]
    assert len(found) >= 9
    return {
        f"{obj['kind']}/{obj['metadata'].get('namespace')}/{obj['metadata']['name']}": (
            obj["metadata"].get("generation"),
            None if obj["kind"] == "Deployment" else obj["metadata"]["resourceVersion"],
        )
        for obj in found
    }
