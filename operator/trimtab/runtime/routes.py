"""Which kinds are watched, and whose reconcile an object's change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.driftmonitor.going_back import ROLLBACK
from trimtab.model.kinds import (
    AUTOSCALER,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    DRIFT_MONITOR,
    ENDPOINT_SLICE,
    EXPERIMENT,
    GATEWAY,
    HTTP_ROUTE,
    JOB,
    MODEL_VERSION,
    POD,
    POD_DISRUPTION_BUDGET,
    REPLICA_SET,
    SERVICE,
    WORKLOAD,
    Kind,
    ObjectKey,
)
from trimtab.model.names import (
    LABEL_DEPLOYMENT,
    LABEL_EXPERIMENT,
    LABEL_MANAGED_BY,
    LABEL_TRIGGER,
    MANAGED_BY,
)
from trimtab.runtime.observe_routing import sharing

Object = Mapping[str, Any]

OURS = f"{LABEL_MANAGED_BY}={MANAGED_BY}"


@dataclass(frozen=True)
class Watched:
    """A watched kind; ``selector`` keeps other people's children out of our memory."""

    kind: Kind
    selector: str
    concerned: Callable[[Object, Cache], Iterable[ObjectKey]]

    @property
    def is_child(self) -> bool:
        """Made by us, or by what we made; the others are written by people."""
        return bool(self.selector)


def _experiment(obj: Object, _: Cache) -> Iterable[ObjectKey]:
    """Itself, the version that waits for this Experiment to name it, and the monitor that made it."""
    meta = obj["metadata"]
    monitor = meta.get("labels", {}).get(LABEL_TRIGGER)
    if monitor:
        yield ObjectKey(DRIFT_MONITOR.id, meta["namespace"], monitor)
    yield ObjectKey(EXPERIMENT.id, meta["namespace"], meta["name"])
    version = obj.get("status", {}).get("result", {}).get("modelVersion")
    if version:
        yield ObjectKey(MODEL_VERSION.id, meta["namespace"], version)


def _model_version(obj: Object, cache: Cache) -> Iterable[ObjectKey]:
    """Itself, the Experiment that it says made it, and the Deployments of its model."""
    meta, spec = obj["metadata"], obj.get("spec", {})
    yield ObjectKey(MODEL_VERSION.id, meta["namespace"], meta["name"])
    experiment = spec.get("lineage", {}).get("experiment", {}).get("name")
    if experiment:
        yield ObjectKey(EXPERIMENT.id, meta["namespace"], experiment)
    for deployment in cache.of_namespace(DEPLOYMENT, meta["namespace"]):
        if deployment["spec"]["model"]["name"] == spec.get("model"):
            yield ObjectKey(DEPLOYMENT.id, meta["namespace"], deployment["metadata"]["name"])


def _deployment(obj: Object, cache: Cache) -> Iterable[ObjectKey]:
    """Itself, those that claim a hostname of its, the monitors that watch it, and the versions of its model:
    their serving record is derived from Deployments."""
    meta = obj["metadata"]
    yield ObjectKey(DEPLOYMENT.id, meta["namespace"], meta["name"])
    for other in sharing(obj, cache):
        yield ObjectKey(DEPLOYMENT.id, other["metadata"]["namespace"], other["metadata"]["name"])
    for monitor in cache.of_namespace(DRIFT_MONITOR, meta["namespace"]):
        if monitor["spec"]["deploymentRef"]["name"] == meta["name"]:
            yield ObjectKey(DRIFT_MONITOR.id, meta["namespace"], monitor["metadata"]["name"])
    for version in cache.of_model(MODEL_VERSION, meta["namespace"], obj["spec"]["model"]["name"]):
        yield ObjectKey(MODEL_VERSION.id, meta["namespace"], version["metadata"]["name"])


def _drift_monitor(obj: Object, _: Cache) -> Iterable[ObjectKey]:
    """Itself, and the Deployment that it asks to go back."""
    namespace = obj["metadata"]["namespace"]
    yield ObjectKey(DRIFT_MONITOR.id, namespace, obj["metadata"]["name"])
    if obj.get("status", {}).get("decision", {}).get("action") == ROLLBACK:
        yield ObjectKey(DEPLOYMENT.id, namespace, obj["spec"]["deploymentRef"]["name"])


def _gateway(obj: Object, cache: Cache) -> Iterable[ObjectKey]:
    """The Deployments that name it."""
    place = (obj["metadata"]["namespace"], obj["metadata"]["name"])
    for deployment in cache.of(DEPLOYMENT):
        meta, reference = deployment["metadata"], deployment["spec"].get("traffic", {}).get("gatewayRef", {})
        if (reference.get("namespace", meta["namespace"]), reference.get("name")) == place:
            yield ObjectKey(DEPLOYMENT.id, meta["namespace"], meta["name"])


def _child(obj: Object, _: Cache) -> Iterable[ObjectKey]:
    """The parent that the labels name. A label that lies costs one needless pass, nothing else."""
    meta = obj["metadata"]
    labels = meta.get("labels", {})
    for label, kind in ((LABEL_EXPERIMENT, EXPERIMENT), (LABEL_DEPLOYMENT, DEPLOYMENT)):
        if label in labels:
            yield ObjectKey(kind.id, meta["namespace"], labels[label])


def _autoscaler(obj: Object, cache: Cache) -> Iterable[ObjectKey]:
    """The parent that the labels name, or that of the workload whose pods it sets."""
    target = obj.get("spec", {}).get("scaleTargetRef", {}).get("name", "")
    workload = cache.get(WORKLOAD, obj["metadata"]["namespace"], target)
    yield from {*_child(obj, cache), *(_child(workload, cache) if workload else ())}


WATCHED = (
    Watched(MODEL_VERSION, "", _model_version),
    Watched(JOB, OURS, _child),
    Watched(CONTROLLER_REVISION, OURS, _child),
    Watched(WORKLOAD, OURS, _child),
    Watched(REPLICA_SET, OURS, _child),
    Watched(SERVICE, OURS, _child),
    Watched(ENDPOINT_SLICE, OURS, _child),
    Watched(POD, OURS, _child),
    Watched(POD_DISRUPTION_BUDGET, OURS, _child),
    Watched(AUTOSCALER, "", _autoscaler),
    Watched(EXPERIMENT, "", _experiment),
    Watched(DEPLOYMENT, "", _deployment),
    Watched(DRIFT_MONITOR, "", _drift_monitor),
)

OPTIONAL = (Watched(HTTP_ROUTE, OURS, _child), Watched(GATEWAY, "", _gateway))
"""Kinds that a cluster need not have: discovered when the operator starts, all of them or none."""


async def discover(client: Client) -> tuple[Watched, ...]:
    """What is watched in this cluster."""
    served = [await client.serves(watched.kind) for watched in OPTIONAL]
    return (*WATCHED, *OPTIONAL) if all(served) else WATCHED
