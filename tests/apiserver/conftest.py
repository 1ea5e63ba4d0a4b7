"""A real API server per test process, and a namespace per test."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest
from tests.cluster.cache import BUILD
from tests.cluster.control_plane import ControlPlane


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """etcd, kube-apiserver and kube-controller-manager with our CRDs; starts empty, leaves nothing."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    plane = ControlPlane(BUILD / "apiserver-tests" / worker, audit=True)
    plane.down()  # an interrupted run may have left its own behind
    plane.up()
    try:
        plane.kubectl.apply_crds()
        yield plane
    finally:
        plane.down()


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh namespace named after the test; its deletion is started, not awaited."""
    stem = request.node.originalname.removeprefix("test_").replace("_", "-").lower()[:40].rstrip("-")
    name = f"{stem}-{secrets.token_hex(3)}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")
