"""From traffic to a decision: apply the DriftMonitor, and tell its windows as they close."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests import objects
from tests.objects import Object

from flights.demo.ground import Ground
from flights.demo.learn import apply
from flights.demo.report import DidNotHappen, Report

PLURAL = "driftmonitors"
FEATURE_DRIFT, PERFORMANCE = "FeatureDrift", "RealisedPerformance"


@dataclass
class Watched:
    """The DriftMonitor of the story. Its windows and decisions are told, and kept for the summary."""

    report: Report
    ground: Ground
    name: str
    _told: set[str] = field(default_factory=set)

    def apply(self, document: Object) -> None:
        """`kubectl apply` of its manifest."""
        apply(self.report, self.ground, document)

    def healthy(self, version: str, seconds: float) -> Object:
        """Until a window of that version was judged, and nothing in it has drifted."""
        return self.follow(
            lambda it: objects.phase(it) == "Healthy" and _reference(it) == version,
            f"Healthy against the reference of {version}",
            seconds,
        )

    def retrains(self, seconds: float) -> Object:
        """Until a drift of inputs and a loss of performance are raised, and an Experiment was made for it."""
        return self.follow(
            lambda it: (
                objects.phase(it) == "Drifted"
                and is_raised(it, FEATURE_DRIFT)
                and is_raised(it, PERFORMANCE)
                and decision(it).get("action") == "Retrain"
                and decision(it).get("state") == "Executed"
            ),
            "Drifted with worse log loss, and a retraining decided",
            seconds,
        )

    def follow(self, holds: Callable[[Object], bool], what: str, seconds: float) -> Object:
        """The first state for which `holds`."""
        last: Object = {}
        kubeconfig, namespace = self.ground.kubectl.kubeconfig, self.ground.namespace
        for last in objects.changes(kubeconfig, namespace, PLURAL, self.name, seconds):
            self._tell(last.get("status", {}))
            if "status" in last and holds(last):
                return last
        ready = objects.condition(last, "Ready")
        raise DidNotHappen(
            f"not {what} within {seconds:g} s: {objects.phase(last)}, "
            f"{ready.get('reason')}: {ready.get('message')}; decision {decision(last)}"
        )

    def _tell(self, status: Object) -> None:
        for entry in status.get("history", ()):
            if self._is_new(f"history {entry['id']}"):
                self.report.say(f"monitor: {entry['reason']}: {entry['message']}")
        window = status.get("window")
        if window and self._is_new(f"window {window['end']}"):
            kept = {"phase": status.get("phase"), "reference": status.get("reference"), **window}
            self.report.keep("windows", **kept, signals=status.get("signals", []))
            self.report.say(f"monitor: {window_line(status)}")
        made = status.get("decision")
        if made and self._is_new(f"decision {made['id']} {made['state']} {made.get('reason')}"):
            self.report.keep("decisions", **made)
            why = f" ({made['reason']})" if made.get("reason") else ""
            self.report.say(f"monitor: decision {made['id']}: {made['action']} {made['state']}{why}")

    def _is_new(self, what: str) -> bool:
        before = len(self._told)
        self._told.add(what)
        return len(self._told) > before


def window_line(status: Object) -> str:
    """One closed window: how much it has seen, and what each signal says of it."""
    window = status["window"]
    seen = f"{window['rows']} rows, {window['labelled']} labelled, {window['completeness']}"
    signals = "; ".join(_signal_line(signal) for signal in status.get("signals", ()))
    return f"window to {window['end'][11:19]}: {status.get('phase')}, {seen}; {signals}"


def _signal_line(signal: Object) -> str:
    raised = " raised" if signal.get("raised") else ""
    furthest = signal.get("top", ())[: 8 if signal["verdict"] == "Drifted" else 1]
    numbers = [f"{one['feature']} {one['psiAdjusted']}" for one in furthest]
    numbers += [
        f"{one['metric']} {one['value']} (reference {one['reference']})" for one in signal.get("metrics", ())
    ]
    return f"{signal['signal']} {signal['verdict']}{raised} {', '.join(numbers)}".rstrip()


def signal_of(status: Object, name: str) -> Object:
    """That signal of a monitor's status or of a kept window; empty when it is not there."""
    return next((one for one in status.get("signals", ()) if one["signal"] == name), {})


def is_raised(monitor: Object, name: str) -> bool:
    """Whether the alarm of a signal is raised."""
    return bool(signal_of(monitor.get("status", {}), name).get("raised"))


def decision(monitor: Object) -> Object:
    """The last decision; empty before the first."""
    made: Object = monitor.get("status", {}).get("decision") or {}
    return made


def flagged(status: Object, fdr: float) -> list[str]:
    """The features that drifted in a window, furthest first."""
    top = signal_of(status, FEATURE_DRIFT).get("top", ())
    return [one["feature"] for one in top if _is_off(one, fdr)]


def _is_off(one: Object, fdr: float) -> bool:
    is_certain = "pAdjusted" in one and float(one["pAdjusted"]) <= fdr
    return is_certain and float(one["psiAdjusted"]) >= float(one["floor"])


def drifted_windows(windows: Sequence[Object]) -> Iterator[Object]:
    """The kept windows in which inputs had drifted."""
    return (one for one in windows if signal_of(one, FEATURE_DRIFT).get("verdict") == "Drifted")


def _reference(monitor: Object) -> Any:
    return monitor.get("status", {}).get("reference", {}).get("modelVersion")
