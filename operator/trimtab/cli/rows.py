"""One object -> what the status tree says about it: phase, reason, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from trimtab.model.conditions import READY, RECONCILING, STALLED

Object = Mapping[str, Any]
TRIALS_SHOWN = 6
"""More trials than this are shown as the winner, those that run or failed, and a count of the rest."""


class State(Enum):
    """How a row is, for its colour; the words beside it say the same."""

    GOOD = "good"
    WORKING = "working"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Row:
    """A line of the tree. ``label`` names the object, ``detail`` says why it is in its phase."""

    label: str
    phase: str = ""
    detail: str = ""
    state: State = State.UNKNOWN
    children: tuple[Row, ...] = ()

    def under(self, *children: Row) -> Row:
        """The same row with more rows below it."""
        return replace(self, children=(*self.children, *children))


def experiment(obj: Object) -> Row:
    """The Experiment with its trials and gates, and the monitor that started it."""
    status, trigger = _status(obj), obj["spec"].get("trigger", {})
    monitor = f"by monitor {trigger['name']}, decision {trigger['decision']}" if "decision" in trigger else ""
    detail = "; ".join(part for part in (monitor, _unless_ready(obj)) if part)
    return _row("experiment", obj, detail=detail).under(*_trials(status), *_gates(status))


def model_version(obj: Object) -> Row:
    refused = [f"{entry['deployment']}: {entry['reason']}" for entry in _status(obj).get("quarantinedBy", ())]
    detail = f"quarantined by {', '.join(refused)}" if refused else _unless_ready(obj)
    row = _row("version", obj, detail=detail)
    return replace(row, state=State.BAD) if refused else row


def deployment(obj: Object, role: str = "") -> Row:
    """``role``: as which side the version above serves, `stable` or `candidate`. What a rollout waits for is
    said of its candidate."""
    status = _status(obj)
    why = "" if role == "stable" and "candidate" in status else _unless_ready(obj)
    parts = [role, _weight(status, role), _pods(status, role), why]
    return _row("deployment", obj, detail=", ".join(part for part in parts if part))


def drift_monitor(obj: Object) -> Row:
    """The monitor with its last decision, as long as what that was about is not over."""
    row = _row("monitor", obj, detail=_unless_ready(obj))
    decision = _status(obj).get("decision", {})
    if decision and "endedAt" not in decision:
        words = (decision.get("action"), decision.get("state"), decision.get("reason"))
        told = f"decision {decision.get('id', '')}: " + " ".join(str(word) for word in words if word)
        row = replace(row, detail="; ".join(part for part in (told, row.detail) if part))
    alarmed = row.state is State.GOOD and row.phase == "Drifted"
    return replace(row, state=State.WARNING) if alarmed else row


def _row(kind: str, obj: Object, *, detail: str) -> Row:
    phase = _status(obj).get("phase", "")
    if obj["metadata"].get("deletionTimestamp"):
        return Row(f"{kind} {obj['metadata']['name']}", "Deleting", detail, State.WORKING)
    return Row(f"{kind} {obj['metadata']['name']}", phase or "-", detail, _state(obj))


def _state(obj: Object) -> State:
    conditions = {c["type"]: c["status"] for c in _status(obj).get("conditions", ())}
    if conditions.get(STALLED) == "True":
        return State.BAD
    if conditions.get(RECONCILING) == "True":
        return State.WORKING
    return State.GOOD if conditions.get(READY) == "True" else State.UNKNOWN


def _unless_ready(obj: Object) -> str:
    """Reason and message of Ready while it is not True; that nobody has looked at the object yet."""
    ready = next((c for c in _status(obj).get("conditions", ()) if c["type"] == READY), None)
    if ready is None:
        return "no operator has looked at it yet"
    if ready["status"] == "True":
        return ""
    message = ready.get("message", "")
    return f"{ready['reason']}: {message}" if message else str(ready["reason"])


def _trials(status: Object) -> Iterable[Row]:
    trials, winner = status.get("trials", ()), status.get("winner")
    if len(trials) <= TRIALS_SHOWN:
        return [_trial(trial, winner) for trial in trials]
    telling = [t for t in trials if t["index"] == winner or t.get("phase") in ("Running", "Failed")]
    shown = [_trial(trial, winner) for trial in telling[:TRIALS_SHOWN]]
    rest = [t for t in trials if t not in telling[:TRIALS_SHOWN]]
    counts = [(phase, sum(t.get("phase") == phase for t in rest)) for phase in _TRIAL_STATES]
    told = ", ".join(f"{count} {phase}" for phase, count in counts if count)
    return [*shown, Row(f"{len(rest)} more trials", detail=told)]


_TRIAL_STATES = {
    "Succeeded": State.GOOD,
    "Running": State.WORKING,
    "Failed": State.BAD,
    "Pending": State.UNKNOWN,
}


def _trial(trial: Object, winner: int | None) -> Row:
    phase = trial.get("phase", "Pending")
    reason, message = trial.get("reason", ""), trial.get("message", "")
    parts = [
        f"objective {trial['objective']}" if trial.get("objective") else "",
        "winner" if trial["index"] == winner else "",
        f"{reason}: {message}" if message else reason,
    ]
    detail = ", ".join(part for part in parts if part)
    return Row(f"trial {trial['index']}", phase, detail, _TRIAL_STATES.get(phase, State.UNKNOWN))


def _gates(status: Object) -> Iterable[Row]:
    for gate in status.get("gates", ()):
        verdict = gate.get("verdict", "-")
        state = State.GOOD if verdict == "Pass" else State.BAD
        yield Row(f"gate {gate['metric']}", verdict, _gate(gate), state)


def _gate(gate: Object) -> str:
    value, champion, difference = (gate.get(name) for name in ("challenger", "champion", "difference"))
    parts = [
        str(value or ""),
        f"champion {champion}" if champion else "",
        f"better by {difference}" if difference else "",
        gate.get("reason", ""),
    ]
    return ", ".join(part for part in parts if part)


def _weight(status: Object, role: str) -> str:
    if role != "candidate" or "weight" not in status:
        return ""
    step = status.get("step", {}).get("index", 0)
    return f"step {step}, weight {status['weight'].get('applied', 0)} %"


def _pods(status: Object, role: str) -> str:
    return f"{status.get('replicas', 0)} ready" if role == "stable" else ""


def _status(obj: Object) -> Object:
    status: Object = obj.get("status") or {}
    return status
