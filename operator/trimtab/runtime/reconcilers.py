"""The table of reconcilers, one per kind."""

from __future__ import annotations

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.model.kinds import EXPERIMENT, MODEL_VERSION
from trimtab.model.settings import Settings
from trimtab.runtime.loop import Reconciler
from trimtab.runtime.observe_experiment import ExperimentReconciler
from trimtab.runtime.observe_modelversion import ModelVersionReconciler
from trimtab.sources.registry import RegistrySource


def reconcilers(
    client: Client, cache: Cache, registry: RegistrySource, settings: Settings
) -> dict[str, Reconciler]:
    return {
        EXPERIMENT.id: ExperimentReconciler(client, cache, registry, settings),
        MODEL_VERSION.id: ModelVersionReconciler(client),
    }
