"""The real cluster: one for the session, with DNS and registry; our images; a namespace per test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import installation
from tests.cluster import images, provider, traefik
from tests.cluster import registry as cluster_registry
from tests.cluster.images import BuiltImage
from tests.cluster.kubectl import Kubectl
from tests.cluster.provider import Cluster
from tests.cluster.registry import Registry
from tests.e2e import fragile_model
from tests.e2e.world import NAMESPACE, World

from flights.data import csv_bytes, select
from flights.source import data_folder, read_flights

# It reads the API server's audit log, which is at hand only where we start the API server ourselves.
LOCAL = (os.environ.get("TRIMTAB_CLUSTER") or provider.default_name()) == "local"
collect_ignore = [] if LOCAL else ["test_used_rights.py"]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Up, with an answering registry. One that was up before is used, and left as it was: up."""
    chosen = provider.choose()
    was_up = provider.is_up(chosen)
    chosen.up()
    try:
        yield chosen
    finally:
        if not was_up:
            chosen.down()


@pytest.fixture(scope="session")
def registry(cluster: Cluster) -> Registry:
    return cluster_registry.install(cluster)


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    return cluster.kubectl


@pytest.fixture(scope="session")
def runtime_image(cluster: Cluster) -> BuiltImage:
    """Built from this checkout and loaded into the node."""
    return _loaded(cluster, images.runtime())


@pytest.fixture(scope="session")
def operator_image(cluster: Cluster) -> BuiltImage:
    """Built from this checkout and loaded into the node."""
    return _loaded(cluster, images.operator())


def _loaded(cluster: Cluster, built: BuiltImage) -> BuiltImage:
    cluster.load_image(built.archive)
    return built


@pytest.fixture(scope="session")
def world(cluster: Cluster, registry: Registry) -> World:
    """Trimtab watching a namespace that holds nothing, with winter's data in the registry."""
    loaded = installation.load_images(cluster)
    installation.install(registry, loaded, [NAMESPACE])
    made = World(cluster.kubectl, registry, loaded, NAMESPACE)
    made.forget()
    made.publish("winter", made.winter)
    return made


@pytest.fixture(scope="session")
def gateway(world: World, cluster: Cluster) -> Iterator[str]:
    """URL of the Gateway `edge` beside the tests' objects; the operator has started since its kinds are."""
    url = traefik.install(cluster)
    world.apply(traefik.gateway("edge"))
    where = f"--namespace={installation.NAMESPACE}"
    for verb in (["restart"], ["status", "--timeout=120s"]):
        world.kubectl("rollout", verb[0], f"deployment/{installation.RELEASE}", where, *verb[1:])
    yield url
    traefik.remove(cluster.kubectl)


@pytest.fixture(scope="session")
def fragile(world: World, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a model of two approved versions that can be told to fail."""
    fragile_model.train(world, tmp_path_factory.mktemp("fragile"))
    return fragile_model.MODEL


@pytest.fixture(scope="session")
def pool(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Winter's traffic rows as a CSV file."""
    file = tmp_path_factory.mktemp("pool") / "traffic.csv"
    file.write_bytes(csv_bytes(select(read_flights(data_folder()), "winter", "traffic")))
    return file


@pytest.fixture
def namespace(kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace named after the test; its deletion is started, not awaited."""
    stem = request.node.originalname.removeprefix("test_").replace("_", "-").lower()[:40].rstrip("-")
    name = f"{stem}-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
