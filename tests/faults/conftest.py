"""Options of the crash matrices, and the lab they run in."""

import pytest
from tests.harness.fixtures import background, data_registry, lab, zygote

__all__ = ["background", "data_registry", "lab", "zygote"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("crash matrix")
    group.addoption("--index", type=int, help="Only the crash at this write, as a failure message names it.")
    group.addoption("--side", choices=("before", "after"), help="Only on this side of the write.")
    group.addoption("--every", type=int, default=1, help="Only every n-th write.")
    group.addoption("--offset", type=int, default=0, help="With --every: which ones.")
