"""A real API server per test process, and a namespace per test, for every folder that wants them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.cache import BUILD
from tests.cluster.control_plane import ControlPlane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """etcd, kube-apiserver and kube-controller-manager with our CRDs; starts empty, leaves nothing."""
    folder = BUILD / "apiserver-tests"
    _end_abandoned(folder)
    plane = ControlPlane(folder / str(os.getpid()), audit=True)
    plane.up()
    try:
        plane.kubectl.apply_crds()
        yield plane
    finally:
        plane.down()


def _end_abandoned(folder: Path) -> None:
    """An interrupted run may have left its own behind; those of test processes that live stay."""
    for left in folder.glob("[0-9]*"):
        if not Path("/proc", left.name).exists():
            ControlPlane(left).down()


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace named after the test; its deletion is started, not awaited."""
    stem = request.node.originalname.removeprefix("test_").replace("_", "-").lower()[:40].rstrip("-")
    name = f"{stem}-{secrets.token_hex(3)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
