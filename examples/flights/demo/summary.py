"""The end of the demo on screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flights.demo.ground import Ground
from flights.demo.report import Report
from flights.demo.story import REACHED, TO_FOLLOW


def reach() -> str:
    """What this demo shows of the loop, and what it does not yet."""
    return f"This demo reaches: {', '.join(REACHED)}. {', '.join(TO_FOLLOW).capitalize()} follow."


def render(report: Report) -> str:
    versions = [step.facts for step in report.steps if "modelVersion" in step.facts]
    parts = [report.table(), *("\n".join(_version(facts)) for facts in versions), reach()]
    return "\n\n".join(parts)


def what_to_look_at(world: Ground) -> str:
    """Commands for the cluster that stays up."""
    return "\n".join(
        (
            "The cluster stays up. To look at it:",
            f"  export KUBECONFIG={world.kubectl.kubeconfig} PATH={world.programs}:$PATH",
            f"  kubectl --namespace {world.namespace} get trimtab",
            f"  kubectl --namespace {world.namespace} describe experiments",
            f"  kubectl --namespace {world.namespace} get modelversions -o yaml",
            "`make cluster-down` ends it.",
        )
    )


def _version(facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"{facts['modelVersion']} is {facts['approval']}: {facts['artifact']['digest']}"
    for trial in facts["trials"]:
        drawn = ", ".join(f"{name} {value}" for name, value in (trial["parameters"] or {}).items())
        won = "  <- winner" if trial["index"] == facts["winner"] else ""
        yield f"  trial {trial['index']}: {drawn}: objective on validation {trial['objective']}{won}"
    yield f"  evaluated on {facts['evaluation']['rows']} rows that no trial has seen"
    for gate in facts["gates"]:
        yield f"  gate {_gate(gate)}"


def _gate(gate: Mapping[str, Any]) -> str:
    words = [f"{gate['metric']}: {gate['verdict']}", f"challenger {gate.get('challenger')}"]
    if gate.get("champion"):
        words.append(f"champion {gate['champion']}, paired difference {gate['difference']}")
    if gate.get("interval"):
        low, high = gate["interval"]
        words.append(f"bootstrap interval {low} to {high} over {gate['groups']} days")
    if gate.get("reason"):
        words.append(str(gate["reason"]))
    return ", ".join(words)
