"""The commands of the runtime package against a real registry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.registry import LocalRegistry, running_registry
from tests.runtime.world import World


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """One registry for the session; tests keep apart by repository name."""
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def world(registry: LocalRegistry, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """Data of this test alone."""
    folder = tmp_path / "data"
    folder.mkdir()
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return World(registry, folder, name[:80].strip("-"))


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[LocalRegistry]:
    """A registry that this test may stop."""
    with running_registry(tmp_path / "registry") as running:
        yield running
