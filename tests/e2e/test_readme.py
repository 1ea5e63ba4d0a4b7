"""The README's "First model in 5 minutes", command by command, beside the release of the other tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests import installation, objects
from tests.e2e import readme
from tests.e2e.world import World

NAMESPACE = "ml"


@pytest.fixture
def place(world: World) -> Iterator[str]:
    """The README's namespace, which must not be there before; its deletion afterwards is not awaited."""
    world.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    yield NAMESPACE
    world.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_the_first_model(world: World, place: str, tmp_path: Path) -> None:
    """As written, with the settings that the README asks for and the path of the values file replaced."""
    values = tmp_path / "my-values.yaml"
    values.write_text(json.dumps(_values(world)))
    readme.run_block(
        "first-model",
        world,
        settings=_settings(world, tmp_path),
        replace={"my-values.yaml": str(values)},
    )
    version = world.kubectl.get("modelversion", "flights-v1", "--namespace", place)
    assert objects.phase(version) == "Approved"
    deployment = world.kubectl.get("deployments.trimtab.dev", "flights", "--namespace", place)
    assert objects.condition(deployment, "Ready")["status"] == "True"
    assert deployment["status"]["stable"]["modelVersion"] == "flights-v1"


def _values(world: World) -> Mapping[str, object]:
    """`my-values.yaml` for this cluster; its CRDs belong to the release that is there already."""
    values = installation.values(world.registry, world.images, [])
    secrets = {"readSecret": "trimtab-registry", "pushSecret": "trimtab-registry"}
    return {
        **values,
        "registry": {"host": world.registry.host, "plainHTTP": True, **secrets},
        "crds": {"install": False},
    }


def _settings(world: World, folder: Path) -> Mapping[str, str]:
    credentials = installation.write_credentials(world.registry, folder / "config.json")
    return {
        "REGISTRY": world.registry.host,
        "REGISTRY_USER": world.registry.username,
        "REGISTRY_PASSWORD": world.registry.password,
        "TRAIN_IMAGE": world.images.flights.name,
        "PUBLISH": f"--registry {world.registry.address} --plain-http --credentials {credentials}",
    }
