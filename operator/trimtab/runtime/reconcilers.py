"""The table of reconcilers, one per kind."""

from __future__ import annotations

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, EXPERIMENT, MODEL_VERSION
from trimtab.model.settings import Settings
from trimtab.runtime.evidence_book import EvidenceBook
from trimtab.runtime.judge_drift import DriftJudge
from trimtab.runtime.judge_rollout import RolloutJudge
from trimtab.runtime.loop import Reconciler
from trimtab.runtime.metrics_watch import MetricsWatch
from trimtab.runtime.observe_deployment import DeploymentReconciler
from trimtab.runtime.observe_driftmonitor import DriftMonitorReconciler
from trimtab.runtime.observe_experiment import ExperimentReconciler
from trimtab.runtime.observe_modelversion import ModelVersionReconciler
from trimtab.runtime.observe_retrain import RetrainObserver
from trimtab.runtime.observe_routing import RoutingObserver
from trimtab.runtime.query_watch import QueryWatch
from trimtab.runtime.targets import Targets
from trimtab.runtime.window_book import WindowBook
from trimtab.sources.registry import RegistrySource


def reconcilers(
    client: Client,
    cache: Cache,
    *,
    registry: RegistrySource,
    watch: MetricsWatch,
    queries: QueryWatch,
    settings: Settings,
    routing: RoutingObserver,
) -> dict[str, Reconciler]:
    targets = Targets()
    rollouts = RolloutJudge(EvidenceBook(client, cache), watch, queries, registry, targets)
    drift = DriftJudge(WindowBook(client, cache), cache, watch, registry, targets)
    retrains = RetrainObserver(client, registry)
    return {
        EXPERIMENT.id: ExperimentReconciler(client, cache, registry, settings),
        MODEL_VERSION.id: ModelVersionReconciler(client, cache),
        DEPLOYMENT.id: DeploymentReconciler(cache, settings, rollouts, routing),
        DRIFT_MONITOR.id: DriftMonitorReconciler(cache, registry, drift, retrains),
    }
