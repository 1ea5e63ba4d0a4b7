"""Whose reconcile an object's change concerns, and what is taken into memory at all."""

from __future__ import annotations

from typing import Any

import pytest

from trimtab.cluster.cache import Cache
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model import names
from trimtab.model.kinds import (
    DEPLOYMENT,
    DRIFT_MONITOR,
    EXPERIMENT,
    JOB,
    MODEL_VERSION,
    POD,
    Kind,
    ObjectKey,
)
from trimtab.runtime.handlers import Events
from trimtab.runtime.queue import WorkQueue
from trimtab.runtime.routes import WATCHED


def made(
    name: str, *, version: int = 1, labels: dict[str, str] | None = None, **parts: Any
) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ml", "uid": f"uid-of-{name}", "resourceVersion": str(version)}
    return {"metadata": meta | {"labels": labels or {}}, **parts}


def concerned(kind: Kind, obj: dict[str, Any]) -> set[str]:
    routes = next(watched for watched in WATCHED if watched.kind is kind)
    return {str(key) for key in routes.concerned(obj, Cache())}


LINEAGE = {"spec": {"lineage": {"experiment": {"name": "winter"}}}}


@pytest.mark.parametrize(
    ("kind", "obj", "keys", "why"),
    [
        (EXPERIMENT, made("winter"), {"Experiment ml/winter"}, "itself"),
        (
            EXPERIMENT,
            made("winter", status={"result": {"modelVersion": "flights-v3"}}),
            {"Experiment ml/winter", "ModelVersion ml/flights-v3"},
            "the version waits for its Experiment to name it",
        ),
        (
            EXPERIMENT,
            made("flights-r-1", labels={names.LABEL_TRIGGER: "flights"}),
            {"Experiment ml/flights-r-1", "DriftMonitor ml/flights"},
            "the monitor that made it waits for its end",
        ),
        (DRIFT_MONITOR, made("flights"), {"DriftMonitor ml/flights"}, "itself"),
        (MODEL_VERSION, made("flights-v3"), {"ModelVersion ml/flights-v3"}, "made by hand, without lineage"),
        (
            MODEL_VERSION,
            made("flights-v3", **LINEAGE),
            {"ModelVersion ml/flights-v3", "Experiment ml/winter"},
            "its Experiment notes that it exists",
        ),
        (JOB, made("j", labels={names.LABEL_EXPERIMENT: "winter"}), {"Experiment ml/winter"}, "its parent"),
        (
            POD,
            made("p", labels={names.LABEL_EXPERIMENT: "winter"}),
            {"Experiment ml/winter"},
            "of its Job",
        ),
        (POD, made("p"), set(), "nobody's"),
    ],
)
def test_whom_a_change_concerns(kind: Kind, obj: dict[str, Any], keys: set[str], why: str) -> None:
    assert keys <= concerned(kind, obj), why
    if not keys:
        assert not concerned(kind, obj), why


def test_every_watched_kind_has_one_route_and_children_a_selector() -> None:
    assert len({watched.kind.id for watched in WATCHED}) == len(WATCHED)
    for watched in WATCHED:
        if watched.kind in (JOB, POD):
            assert watched.selector == "app.kubernetes.io/managed-by=trimtab"


# --- from events to keys -----------------------------------------------------------------------------------

WINTER = ObjectKey(EXPERIMENT.id, "ml", "winter")


def events() -> tuple[Events, Cache, WorkQueue]:
    cache, queue = Cache(), WorkQueue()
    return Events(cache, StalenessGuard(cache), queue), cache, queue


async def test_a_change_is_cached_and_queued_and_an_old_one_is_neither() -> None:
    on, cache, queue = events()
    on.observed(EXPERIMENT, None, made("winter", version=5))
    assert await queue.take() == WINTER
    queue.done(WINTER)
    on.observed(EXPERIMENT, "MODIFIED", made("winter", version=4))
    assert queue.depth == 0
    assert cache.at(WINTER) == made("winter", version=5)


async def test_a_deletion_is_cached_and_queued() -> None:
    on, cache, queue = events()
    label = {names.LABEL_EXPERIMENT: "winter"}
    on.observed(JOB, "ADDED", made("j", labels=label))
    on.observed(JOB, "DELETED", made("j", version=2, labels=label))
    assert cache.of(JOB) == []
    assert await queue.take() == WINTER


async def test_a_deletion_ends_the_wait_for_our_own_write() -> None:
    cache, queue = Cache(), WorkQueue()
    guard = StalenessGuard(cache)
    on = Events(cache, guard, queue)
    guard.wrote(WINTER, JOB, made("j", version=9))
    on.observed(JOB, "DELETED", made("j", version=10))
    assert guard.behind(WINTER) == []


async def test_resyncs_go_behind_people() -> None:
    on, _, queue = events()
    on.changed(EXPERIMENT, made("autumn"), resync=True)
    on.observed(EXPERIMENT, "MODIFIED", made("winter"))
    assert [str(await queue.take()) for _ in range(2)] == ["Experiment ml/winter", "Experiment ml/autumn"]


def test_a_deployment_concerns_the_monitors_that_watch_it() -> None:
    cache = Cache()
    for name, watched in (("a", "flights"), ("b", "trains"), ("c", "flights")):
        cache.put(DRIFT_MONITOR, made(name, spec={"deploymentRef": {"name": watched}}))
    routes = next(watched for watched in WATCHED if watched.kind is DEPLOYMENT)
    found = routes.concerned(made("flights", spec={"model": {"name": "flights"}}), cache)
    assert {str(key) for key in found} == {
        "Deployment ml/flights",
        "DriftMonitor ml/a",
        "DriftMonitor ml/c",
    }
