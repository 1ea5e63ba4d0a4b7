"""Which kinds are watched, and whose reconcile an object's change concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.cluster.cache import Cache
from trimtab.model.kinds import EXPERIMENT, JOB, MODEL_VERSION, POD, Kind, ObjectKey
from trimtab.model.names import LABEL_EXPERIMENT, LABEL_MANAGED_BY, MANAGED_BY

Object = Mapping[str, Any]

OURS = f"{LABEL_MANAGED_BY}={MANAGED_BY}"


@dataclass(frozen=True)
class Watched:
    """A watched kind; ``selector`` keeps other people's children out of our memory."""

    kind: Kind
    selector: str
    concerned: Callable[[Object, Cache], Iterable[ObjectKey]]


def _experiment(obj: Object, _: Cache) -> Iterable[ObjectKey]:
    """Itself, and the version that waits for this Experiment to name it."""
    meta = obj["metadata"]
    yield ObjectKey(EXPERIMENT.id, meta["namespace"], meta["name"])
    version = obj.get("status", {}).get("result", {}).get("modelVersion")
    if version:
        yield ObjectKey(MODEL_VERSION.id, meta["namespace"], version)


def _model_version(obj: Object, _: Cache) -> Iterable[ObjectKey]:
    meta = obj["metadata"]
    yield ObjectKey(MODEL_VERSION.id, meta["namespace"], meta["name"])
    experiment = obj.get("spec", {}).get("lineage", {}).get("experiment", {}).get("name")
    if experiment:
        yield ObjectKey(EXPERIMENT.id, meta["namespace"], experiment)


def _child_of_experiment(obj: Object, _: Cache) -> Iterable[ObjectKey]:
    meta = obj["metadata"]
    name = meta.get("labels", {}).get(LABEL_EXPERIMENT)
    if name:
        yield ObjectKey(EXPERIMENT.id, meta["namespace"], name)


WATCHED = (
    Watched(MODEL_VERSION, "", _model_version),
    Watched(JOB, OURS, _child_of_experiment),
    Watched(POD, OURS, _child_of_experiment),
    Watched(EXPERIMENT, "", _experiment),
)
