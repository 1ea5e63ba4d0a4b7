"""The table of reconcilers, one per kind."""

from __future__ import annotations

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.model.kinds import DEPLOYMENT, EXPERIMENT, MODEL_VERSION
from trimtab.model.settings import Settings
from trimtab.runtime.evidence_book import EvidenceBook
from trimtab.runtime.judge_rollout import RolloutJudge
from trimtab.runtime.loop import Reconciler
from trimtab.runtime.metrics_watch import MetricsWatch
from trimtab.runtime.observe_deployment import DeploymentReconciler
from trimtab.runtime.observe_experiment import ExperimentReconciler
from trimtab.runtime.observe_modelversion import ModelVersionReconciler
from trimtab.sources.registry import RegistrySource


def reconcilers(
    client: Client, cache: Cache, registry: RegistrySource, watch: MetricsWatch, settings: Settings
) -> dict[str, Reconciler]:
    judge = RolloutJudge(EvidenceBook(client, cache), watch, registry)
    return {
        EXPERIMENT.id: ExperimentReconciler(client, cache, registry, settings),
        MODEL_VERSION.id: ModelVersionReconciler(client, cache),
        DEPLOYMENT.id: DeploymentReconciler(cache, settings, judge),
    }
