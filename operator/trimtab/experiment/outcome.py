"""A stage's decision, and the one place that turns it into a Plan with conditions, phase and history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.experiment.observed import ExperimentObserved
from trimtab.experiment.reasons import Reason
from trimtab.model import conditions, history
from trimtab.model.conditions import Condition
from trimtab.model.plan import ChildWrite, Delete, Plan

GATES_PASSED = "GatesPassed"
# One text from the gates to the version: a message that changes at each step would cost a write each.
REGISTERING_MESSAGE = "registering the winner"


@dataclass(frozen=True)
class Decision:
    """What a stage wants: the next status (without conditions), and writes that may follow that status.

    ``conditions`` None = leave them as they stand.
    """

    status: ExperimentStatus
    conditions: tuple[Condition, ...] | None = None
    children: tuple[ChildWrite, ...] = ()
    deletions: tuple[Delete, ...] = ()
    wake_at: datetime | None = None

    def note(
        self, entry_id: str, reason: Reason | str, message: str, now: datetime, *, warning: bool = False
    ) -> Decision:
        """The same decision with one more line of history."""
        entries = history.append(
            self.status.history,
            entry_id=entry_id,
            reason=str(reason),
            message=message,
            now=now,
            warning=warning,
        )
        return replace(self, status=self.status.model_copy(update={"history": entries}))


def progress(
    status: ExperimentStatus, phase: str, reason: Reason | str, message: str, **parts: object
) -> Decision:
    """Working on it."""
    moved = status.model_copy(update={"phase": phase})
    shown = (*conditions.progressing(str(reason), message), *_gates_condition(moved))
    return Decision(moved, shown, **parts)  # type: ignore[arg-type]


def fail(status: ExperimentStatus, phase: str, reason: Reason | str, message: str, now: datetime) -> Decision:
    """The end, without a version. ``phase`` is Failed or GateFailed."""
    moved = status.model_copy(update={"phase": phase})
    shown = (*conditions.stalled(str(reason), message), *_gates_condition(moved))
    return Decision(moved, shown).note("end", reason, message, now, warning=True)


def succeed(status: ExperimentStatus, message: str, now: datetime) -> Decision:
    moved = status.model_copy(update={"phase": "Succeeded"})
    shown = (*conditions.ready(Reason.REGISTERED, message), *_gates_condition(moved))
    return Decision(moved, shown).note("end", Reason.REGISTERED, message, now)


def finish(observed: ExperimentObserved, decision: Decision, now: datetime) -> Plan:
    """The plan of a decision: the status is written only if it differs from the stored one."""
    status = decision.status
    if decision.conditions is not None:
        merged = conditions.merge(
            observed.status.conditions, decision.conditions, generation=observed.generation, now=now
        )
        status = status.model_copy(update={"conditions": merged})
    status = status.model_copy(update={"observed_generation": observed.generation})
    wire = status.to_wire()
    stored = observed.status.to_wire()
    return Plan(
        status=wire if wire != stored else None,
        children=decision.children,
        deletions=decision.deletions,
        wake_at=decision.wake_at,
    )


def _gates_condition(status: ExperimentStatus) -> tuple[Condition, ...]:
    """GatesPassed: Unknown until the gates are decided."""
    if not status.gates:
        return (Condition(GATES_PASSED, "Unknown", Reason.GATES_PENDING, "the winner is not evaluated yet"),)
    failed = [gate for gate in status.gates if gate.verdict != "Pass"]
    if not failed:
        return (
            Condition(GATES_PASSED, "True", Reason.GATES_PASSED, f"all {len(status.gates)} gates passed"),
        )
    reason = Reason.GATE_INVALID if any(g.verdict == "Invalid" for g in failed) else Reason.GATE_FAILED
    return (Condition(GATES_PASSED, "False", reason, "; ".join(g.metric for g in failed)),)
