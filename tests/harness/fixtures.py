"""Fixtures of the folders whose tests run the operator on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.harness import lab as labs
from tests.harness.background import Background
from tests.harness.zygote import Zygote
from tests.registry import LocalRegistry, running_registry


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    loop = Background()
    yield loop
    loop.stop()


@pytest.fixture(scope="session")
def data_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """One registry with the data of all Experiments."""
    folder = tmp_path_factory.mktemp("registry")
    with running_registry(folder) as registry:
        labs.push_data(registry, folder / "data")
        yield registry


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote() as started:
        yield started


@pytest.fixture
def lab(
    *,
    control_plane: ControlPlane,
    background: Background,
    namespace: str,
    data_registry: LocalRegistry,
    zygote: Zygote,
    tmp_path: Path,
) -> Iterator[labs.Lab]:
    """A namespace with player and proxy; no operator runs yet."""
    with labs.opened(
        control_plane.kubeconfig,
        background,
        namespace,
        registry=data_registry,
        folder=tmp_path,
        zygote=zygote,
    ) as lab:
        yield lab


@pytest.fixture
def own_registry(tmp_path: Path) -> Iterator[LocalRegistry]:
    """A registry with the same data that this test may stop."""
    with running_registry(tmp_path / "registry") as registry:
        labs.push_data(registry, tmp_path / "registry" / "data")
        yield registry
