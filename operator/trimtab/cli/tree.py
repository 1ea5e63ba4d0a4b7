"""Objects -> the tree of the loop: experiment -> trials -> version -> deployment -> monitor.

Pure. What has lost its parent (a version whose Experiment was deleted, a Deployment that serves nothing yet)
stands at the root, so every object is in the tree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.cli import rows
from trimtab.cli.rows import Row
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, EXPERIMENT, MODEL_VERSION

Object = Mapping[str, Any]
Objects = Mapping[str, Sequence[Object]]
"""Kind.id -> its objects."""

_SIDES = ("stable", "candidate")


def forest(objects: Objects) -> tuple[Row, ...]:
    """The trees of one namespace, by model, oldest Experiment first."""
    monitors = _monitors(objects)
    deployments, idle = _deployments(objects, monitors)
    versions, orphans = _versions(objects, deployments)
    experiments = [
        rows.experiment(obj).under(*versions[obj["metadata"]["uid"]])
        for obj in sorted(objects.get(EXPERIMENT.id, ()), key=_age)
    ]
    lost = [row for name in sorted(monitors) for row in monitors[name]]
    return (*experiments, *orphans, *idle, *lost)


def by_namespace(objects: Objects) -> tuple[Row, ...]:
    """The trees of several namespaces, each under a row of its own."""
    names = sorted({obj["metadata"]["namespace"] for found in objects.values() for obj in found})
    return tuple(Row(f"namespace {name}").under(*forest(_within(objects, name))) for name in names)


def _within(objects: Objects, namespace: str) -> Objects:
    return {
        kind: [obj for obj in found if obj["metadata"]["namespace"] == namespace]
        for kind, found in objects.items()
    }


def _monitors(objects: Objects) -> dict[str, list[Row]]:
    """Rows by the Deployment that they watch."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for obj in sorted(objects.get(DRIFT_MONITOR.id, ()), key=_name):
        found[obj["spec"]["deploymentRef"]["name"]].append(rows.drift_monitor(obj))
    return found


def _deployments(
    objects: Objects, monitors: dict[str, list[Row]]
) -> tuple[Mapping[str, list[Row]], list[Row]]:
    """Rows by the version that they serve, and those without one. A monitor watches the stable side."""
    by_version: defaultdict[str, list[Row]] = defaultdict(list)
    idle = []
    known = {_name(version) for version in objects.get(MODEL_VERSION.id, ())}
    for obj in sorted(objects.get(DEPLOYMENT.id, ()), key=_name):
        sides = {side: obj.get("status", {}).get(side, {}).get("modelVersion") for side in _SIDES}
        watched = monitors.pop(_name(obj), [])
        if not {version for version in sides.values() if version in known}:
            idle.append(rows.deployment(obj).under(*watched))
            continue
        for side, version in sides.items():
            if version in known:
                by_version[version].append(rows.deployment(obj, side).under(*watched))
                watched = []
    return by_version, idle


def _versions(
    objects: Objects, deployments: Mapping[str, list[Row]]
) -> tuple[Mapping[str, list[Row]], list[Row]]:
    """Rows by the uid of the Experiment that made them, and those whose Experiment is gone."""
    experiments = {obj["metadata"]["uid"] for obj in objects.get(EXPERIMENT.id, ())}
    by_uid: defaultdict[str, list[Row]] = defaultdict(list)
    orphans = []
    for obj in sorted(objects.get(MODEL_VERSION.id, ()), key=_number):
        row = rows.model_version(obj).under(*deployments.get(_name(obj), ()))
        uid = obj["spec"]["lineage"]["experiment"]["uid"]
        if uid in experiments:
            by_uid[uid].append(row)
        else:
            orphans.append(row)
    return by_uid, orphans


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object) -> tuple[str, str, str]:
    return obj["spec"]["model"], obj["metadata"].get("creationTimestamp", ""), _name(obj)


def _number(obj: Object) -> tuple[str, int]:
    return obj["spec"]["model"], obj["spec"]["version"]
