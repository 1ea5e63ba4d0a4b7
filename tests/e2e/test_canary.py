"""Canaries under real traffic: a sound candidate is promoted, a broken one given up, no request lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests import installation, objects
from tests.cluster import images, provider
from tests.cluster.processes import wait_until
from tests.e2e.serving import Served
from tests.e2e.traffic import assert_none_failed, traffic
from tests.e2e.world import World
from tests.objects import Object

from flights.demo import manifests

MODEL = "canary"
FRAGILE = Path(__file__).parent / "fragile"
SKEW = {"name": "skew", "preset": "trainServeSkew", "floor": "0.1"}
ERRORS = {"name": "errors", "preset": "errorRate", "maxAbsolute": "0.02"}
STEPS = [
    {"weight": 33},
    {"analyze": {"minSamples": 300, "maxDuration": "3m"}},
    {"weight": 50},
    {"pause": {"for": "3s"}},
]


@pytest.fixture(scope="module")
def served(world: World, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Version 1, of a model with a fuse that does not blow, behind two pods."""
    image = _load_fragile_image(world, tmp_path_factory.mktemp("fragile"))
    document = world.single("canary-first", model=MODEL)
    world.apply(manifests.trial_with(document, image=image, command=["python", "-m", "fragile"]))
    world.approved(world.succeeded("canary-first")["status"]["result"]["modelVersion"])
    served = Served(world, MODEL)
    served.apply(replicas=2)
    served.ready(f"{MODEL}-v1")
    return served


def _load_fragile_image(world: World, context: Path) -> str:
    """The training image of the flights with the fuse; its name in the node."""
    shutil.copy(FRAGILE / "fragile.py", context)
    (context / "flights").mkdir()
    for name in ("__init__.py", "model.py", "train.py"):
        shutil.copy(installation.FLIGHTS / name, context / "flights")
    inputs = [context / "fragile.py", context / "flights"]
    built = images.derived("localhost/fragile-train", FRAGILE / "Dockerfile", context, inputs)
    return provider.choose().load_image(built.archive).name


def test_a_sound_candidate_is_promoted_and_no_request_fails(served: Served, tmp_path: Path) -> None:
    """60 requests per second through every step and the promotion; the operator is killed on the way."""
    pods_before = {pod["metadata"]["name"] for pod in served.pods()}
    with traffic(served.url, MODEL, served.pool(tmp_path)) as (load, done):
        load.wait_for(100)
        load.mark("canary")
        served.apply(replicas=2, steps=STEPS, analysis={"metrics": [ERRORS, SKEW]}, env={"FLAVOUR": "b"})
        served.until(lambda d: _step(d) == 1, "the analysis to begin")
        load.mark("operator killed")
        served.world.kubectl(
            *("delete", "pod", "--namespace", installation.NAMESPACE, "--force", "--grace-period=0"),
            *("--selector", "app.kubernetes.io/name=trimtab"),
        )
        served.until(lambda d: _step(d) is not None and _step(d) >= 2, "the analysis to pass")
        load.mark("promotion")
        served.until(lambda d: "candidate" not in d["status"], "the promotion")
        new = {pod["metadata"]["name"] for pod in served.pods()} - pods_before
        wait_until(lambda: len(served.pods()) == 2, 180, "the old revision to be gone")
        load.wait_for(120)
    assert_none_failed(done[0], at_least=1000)
    assert {pod["metadata"]["name"] for pod in served.pods()} == new, "promotion made pods again"
    deployment = served.ready(f"{MODEL}-v1")
    assert [h["reason"] for h in deployment["status"]["history"]][-1] == "Promoted"
    records = served.world.get("controllerrevisions", f"--selector=trimtab.dev/deployment={MODEL}")["items"]
    assert len(records) == 2, "the record of the old revision stays"


def test_a_candidate_that_fails_every_request_is_given_up_at_once(served: Served, tmp_path: Path) -> None:
    """500 to everything: aborted after a handful of errors, long before minSamples, and quarantined."""
    stable = served.world.get("deployments.trimtab.dev", MODEL)["status"]["stable"]["revision"]
    with traffic(served.url, MODEL, served.pool(tmp_path)) as (load, done):
        load.wait_for(100)
        load.mark("canary")
        served.apply(
            replicas=2,
            steps=STEPS,
            analysis={"metrics": [ERRORS, SKEW]},
            env={"FLAVOUR": "b", "FRAGILE_AFTER": "40"},
        )
        deployment = served.until(lambda d: bool(d["status"].get("quarantine")), "the abort")
        served.until(lambda d: objects.phase(d) == "Aborted", "all traffic to be back")
        wait_until(lambda: len(served.pods()) == 2, 180, "the candidate's pods to be gone")
        before = load.control.summary()["total"]["failed"]
        load.mark("after")
        load.wait_for(120)
    assert done[0]["total"]["failed"] == before, "requests failed after the abort"
    (entry,) = deployment["status"]["quarantine"]
    assert entry["reason"] == "AnalysisFailed"
    errors = next(m for m in deployment["status"]["analysis"] if m["metric"] == "errors")
    assert errors["verdict"] == "Fail"
    assert errors["samples"] < 300, errors
    after = served.world.get("deployments.trimtab.dev", MODEL)
    assert after["status"]["stable"]["revision"] == stable
    ready = objects.condition(after, "Ready")
    assert (ready["status"], objects.condition(after, "Stalled").get("reason")) == ("True", None) or (
        ready["reason"] == "Aborted"
    )
    version = served.world.get("modelversion", f"{MODEL}-v1")
    assert version["status"]["quarantinedBy"] == [{"deployment": MODEL, "reason": "AnalysisFailed"}]


def _step(deployment: Object) -> int | None:
    step = deployment.get("status", {}).get("step")
    return None if step is None else int(step["index"])
