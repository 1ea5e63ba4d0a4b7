"""A monitor's decision, and the one place that turns it into a Plan with conditions, phase and history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus, SignalStatus
from trimtab.driftmonitor.judgement import raised_of, summary
from trimtab.driftmonitor.observed import DriftMonitorObserved
from trimtab.driftmonitor.reasons import Reason
from trimtab.driftmonitor.signals import Signal
from trimtab.driftmonitor.windows import grace_seconds
from trimtab.model import conditions, history
from trimtab.model.clock import after
from trimtab.model.conditions import Condition
from trimtab.model.plan import ChildWrite, Plan

DRIFT_DETECTED = "DriftDetected"
PERFORMANCE_DEGRADED = "PerformanceDegraded"
METRICS_AVAILABLE = "MetricsAvailable"


@dataclass(frozen=True)
class Outcome:
    """The next status (without conditions), the state it is in, and the writes that may follow it.

    ``state`` None: the conditions stay as they are.
    """

    status: DriftMonitorStatus
    state: tuple[Condition, ...] | None
    children: tuple[ChildWrite, ...] = ()
    wake_at: datetime | None = None

    def note(
        self, entry_id: str, reason: Reason, message: str, now: datetime, *, warning: bool = False
    ) -> Outcome:
        """The same outcome with one more line of history, from which an Event is made."""
        entries = history.append(
            self.status.history,
            entry_id=entry_id,
            reason=reason,
            message=message,
            now=now,
            warning=warning,
        )
        return replace(self, status=self.status.model_copy(update={"history": entries}))


def finish(observed: DriftMonitorObserved, outcome: Outcome, now: datetime) -> Plan:
    """The plan of an outcome: the status is written only if it differs from the stored one."""
    status = outcome.status.model_copy(update={"observed_generation": observed.generation})
    if outcome.state is not None:
        desired = (*outcome.state, *_own_conditions(status))
        merged = conditions.merge(
            observed.status.conditions, desired, generation=observed.generation, now=now
        )
        status = status.model_copy(update={"conditions": merged})
    wire = status.to_wire()
    return Plan(
        status=wire if wire != observed.status.to_wire() else None,
        children=outcome.children,
        wake_at=outcome.wake_at or _wake_at(observed, now),
    )


def _wake_at(observed: DriftMonitorObserved, now: datetime) -> datetime | None:
    """When the open window is overdue, should no round of scrapes come before; never at once."""
    window = observed.window
    overdue = after(window.end, grace_seconds(window.seconds) + 0.5) if window else now
    return overdue if overdue > now else None


def _own_conditions(status: DriftMonitorStatus) -> tuple[Condition, ...]:
    """What the signals say, and whether the metrics could be read; only what has been judged."""
    if status.phase in (None, "Waiting"):
        return ()
    inputs = [s for s in status.signals if Signal(s.signal) is not Signal.REALISED_PERFORMANCE]
    labels = [s for s in status.signals if Signal(s.signal) is Signal.REALISED_PERFORMANCE]
    found = [_metrics(status)]
    if inputs:
        found.insert(0, _raised(DRIFT_DETECTED, inputs))
    if labels:
        found.insert(-1, _raised(PERFORMANCE_DEGRADED, labels))
    return tuple(found)


def _raised(type_: str, signals: list[SignalStatus]) -> Condition:
    raised = raised_of(signals)
    if not raised:
        return Condition(type_, "False", Reason.NOT_RAISED, "")
    return Condition(type_, "True", raised[0], summary(signals))


def _metrics(status: DriftMonitorStatus) -> Condition:
    if status.phase == "SourceError":
        return Condition(METRICS_AVAILABLE, "False", Reason.SOURCE_ERROR, "the pods cannot be read")
    return Condition(METRICS_AVAILABLE, "True", Reason.METRICS_READ, "all pods of stable are read")
