"""The operator on a real API server: registry, proxy and player around a namespace."""

from collections.abc import Iterator

import pytest
from tests.cluster import gateway_api
from tests.cluster.control_plane import ControlPlane
from tests.harness.fixtures import background, data_registry, lab, own_registry, zygote
from tests.harness.gateway import PlayedGateway, played
from tests.harness.lab import Lab

__all__ = ["background", "data_registry", "lab", "own_registry", "zygote"]


@pytest.fixture(scope="module")
def gateway_kinds(control_plane: ControlPlane) -> Iterator[None]:
    """For the files that ask for them only: others see an API server without them."""
    gateway_api.install(control_plane.kubectl)
    yield
    gateway_api.remove(control_plane.kubectl)


@pytest.fixture
def gateway(lab: Lab) -> Iterator[PlayedGateway]:
    with played(lab) as gateway:
        yield gateway
