"""How kstatus reads an object: what `kubectl wait`, Argo CD and Flux conclude from its conditions.

The rules of sigs.k8s.io/cli-utils/pkg/kstatus/status for custom resources (checkGenericProperties).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Verdict = Literal["InProgress", "Failed", "Current", "Terminating"]
ABNORMAL_TRUE = ("Reconciling", "Stalled")


def verdict(obj: Mapping[str, Any]) -> Verdict:
    meta, status = obj["metadata"], obj.get("status", {})
    conditions = {c["type"]: c["status"] for c in status.get("conditions", ())}
    if "deletionTimestamp" in meta:
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != meta["generation"]:
        return "InProgress"
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    if conditions.get("Ready") in ("False", "Unknown") or not status:
        return "InProgress"
    return "Current"


def broken_rules(obj: Mapping[str, Any]) -> list[str]:
    """What breaks kstatus' conventions in a written status."""
    conditions = obj.get("status", {}).get("conditions", ())
    types = [c["type"] for c in conditions]
    shown = {c["type"]: c for c in conditions}
    broken = [f"{t} is there although it is not True" for t in ABNORMAL_TRUE if _is_shown_false(shown, t)]
    if len(set(types)) != len(types):
        broken.append("a type occurs twice")
    if all(t in shown for t in ABNORMAL_TRUE):
        broken.append("Reconciling and Stalled at once")
    if "Ready" not in shown:
        broken.append("no Ready")
    generation = obj.get("status", {}).get("observedGeneration")
    broken += [
        f"{t} observed another generation" for t in types if shown[t].get("observedGeneration") != generation
    ]
    return broken


def _is_shown_false(shown: Mapping[str, Mapping[str, Any]], type_: str) -> bool:
    return type_ in shown and shown[type_]["status"] != "True"
