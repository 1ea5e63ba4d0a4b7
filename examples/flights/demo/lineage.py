"""From a version back to the window that asked for it, each link read from the object that holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.objects import Object

from flights.demo.ground import Ground
from flights.demo.report import DidNotHappen


def of_retrained(
    ground: Ground, version: Object, decision: Object, windows: Sequence[Object]
) -> dict[str, Any]:
    """Version -> Experiment -> trigger -> decision -> window. Raises at the first link that does not hold.

    windows: those that were seen; the decision names one of them by its end.
    """
    lineage = version["spec"]["lineage"]
    name, uid = lineage["experiment"]["name"], lineage["experiment"]["uid"]
    trigger, target = lineage.get("trigger", {}), decision["target"]
    experiment = ground.get("experiments.trimtab.dev", name)
    _same("uid of the Experiment", experiment["metadata"]["uid"], uid)
    _same("kind of the trigger", trigger.get("kind"), "DriftMonitor")
    _same("decision of the trigger", trigger.get("decision"), decision["id"])
    _same("Experiment of the decision", target["name"], name)
    return {
        "modelVersion": version["metadata"]["name"],
        "experiment": lineage["experiment"],
        "data": lineage["data"],
        "trigger": trigger,
        "decision": decision,
        "window": _window(windows, decision["evidence"]["end"]),
    }


def _window(windows: Sequence[Object], end: str) -> Object:
    found = [window for window in windows if window["end"] == end]
    if not found:
        raise DidNotHappen(f"lineage: no window ended at {end}")
    return found[0]


def _same(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise DidNotHappen(f"lineage: the {what} is {found}, not {wanted}")
