"""Options of the crash matrices, and the lab they run in."""

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.faults.crash import Site
from tests.harness import access
from tests.harness.background import Background
from tests.harness.fixtures import background, data_registry, lab, zygote
from tests.harness.zygote import Zygote
from tests.registry import LocalRegistry

__all__ = ["background", "data_registry", "lab", "zygote"]


@pytest.fixture(scope="module")
def site(
    control_plane: ControlPlane,
    background: Background,
    data_registry: LocalRegistry,
    zygote: Zygote,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    folder = tmp_path_factory.mktemp("crash")
    return Site(access.of_kubeconfig(control_plane.kubeconfig), background, data_registry, zygote, folder)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash matrix")
    group.addoption("--index", type=int, help="Only the crash at this write, as a failure message names it.")
    group.addoption("--side", choices=("before", "after"), help="Only on this side of the write.")
    group.addoption("--every", type=int, help="Only every n-th write; the matrix decides where it is absent.")
    group.addoption("--offset", type=int, help="With --every: which ones.")
