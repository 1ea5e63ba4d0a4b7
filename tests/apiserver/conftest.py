"""The operator on a real API server: registry, proxy and player around a namespace."""

from tests.harness.fixtures import background, data_registry, lab, own_registry, zygote

__all__ = ["background", "data_registry", "lab", "own_registry", "zygote"]
