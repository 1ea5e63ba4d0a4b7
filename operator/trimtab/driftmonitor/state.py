"""Ready, Reconciling and Stalled as they follow from what status says."""

from __future__ import annotations

from trimtab.apis.v1alpha1.driftmonitor import DriftMonitorSpec
from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus, SignalStatus
from trimtab.driftmonitor.reasons import Reason
from trimtab.driftmonitor.signals import Signal
from trimtab.model.clock import format_time
from trimtab.model.conditions import Condition, progressing, ready


def watched_signals(spec: DriftMonitorSpec) -> list[Signal]:
    """The signals that are on."""
    on = {
        Signal.FEATURE_DRIFT: spec.signals.feature_drift,
        Signal.PREDICTION_DRIFT: spec.signals.prediction_drift,
        Signal.DATA_QUALITY: spec.signals.data_quality,
        Signal.REALISED_PERFORMANCE: spec.signals.realised_performance,
    }
    return [signal for signal, limits in on.items() if limits is not None]


def state_of(status: DriftMonitorStatus, spec: DriftMonitorSpec) -> tuple[Condition, ...]:
    """Ready means that windows are judged, also when they say that the model drifts.

    Depends on status alone, so a pass in which nothing happened restores what an error has overwritten.
    """
    version = status.reference.model_version if status.reference else ""
    match status.phase:
        case "Healthy" | "Drifted":
            return ready(Reason.WATCHING, f"windows of {spec.window} are judged against {version}")
        case "InsufficientData":
            return progressing(*_insufficient(status, spec))
        case "NoTraffic":
            since = format_time(status.window.start) if status.window else ""
            return progressing(Reason.NO_TRAFFIC, f"no row was answered since {since}")
        case "SourceError":
            problem = next((signal.message for signal in status.signals), "")
            return progressing(Reason.SOURCE_ERROR, problem)
        case _:
            return progressing(Reason.COLLECTING, f"the first window of {version} is being collected")


def _insufficient(status: DriftMonitorStatus, spec: DriftMonitorSpec) -> tuple[str, str]:
    short = [signal for signal in status.signals if _is_too_short(signal, spec)]
    if short:
        slowest = max(short, key=lambda signal: signal.seconds_to_min_samples or 0)
        text = (
            f"{slowest.signal} needs {slowest.min_samples} rows or labels, which take "
            f"{slowest.seconds_to_min_samples} s at this rate: window is {spec.window}"
        )
        return Reason.WINDOW_TOO_SHORT, text
    whys = [f"{s.signal}: {s.message}" for s in status.signals if s.verdict != "Healthy" and s.message]
    text = "; ".join(whys) or "one window is off; more must be before a signal is raised"
    return Reason.INSUFFICIENT_DATA, text


def _is_too_short(signal: SignalStatus, spec: DriftMonitorSpec) -> bool:
    needed = signal.seconds_to_min_samples
    return signal.verdict == "InsufficientData" and needed is not None and needed > spec.window_seconds
