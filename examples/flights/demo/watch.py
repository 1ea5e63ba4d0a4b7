"""From traffic to a decision: apply the DriftMonitor, and tell its windows as they close."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests import objects
from tests.objects import Object

from flights.demo.follow import Followed

FEATURE_DRIFT, PERFORMANCE = "FeatureDrift", "RealisedPerformance"


class Watched(Followed):
    """The DriftMonitor of the story. Its windows and decisions are told, and kept for the summary."""

    plural = "driftmonitors"

    def healthy(self, version: str, seconds: float) -> Object:
        """Until a window of that version was judged, and nothing in it has drifted."""
        return self.until(
            lambda it: objects.phase(it) == "Healthy" and _reference(it) == version,
            f"Healthy against the reference of {version}",
            seconds,
        )

    def retrains(self, seconds: float) -> Object:
        """Until a drift of inputs and a loss of performance are raised, and an Experiment was made for it."""
        return self.until(
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

    def tell(self, state: Object) -> None:
        """History, closed windows, decisions."""
        self.tell_history(state)
        status = state["status"]
        window = status.get("window")
        if window and self.is_new(f"window {window['end']}"):
            kept = {"phase": status.get("phase"), "reference": status.get("reference"), **window}
            self.report.keep("windows", **kept, signals=status.get("signals", []))
            self.report.say(f"monitor: {window_line(status)}")
        made = status.get("decision")
        if made and self.is_new(f"decision {made['id']} {made['state']} {made.get('reason')}"):
            self.report.keep("decisions", **made)
            why = f" ({made['reason']})" if made.get("reason") else ""
            self.report.say(f"monitor: decision {made['id']}: {made['action']} {made['state']}{why}")


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
