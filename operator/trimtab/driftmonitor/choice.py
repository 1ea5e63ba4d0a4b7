"""What follows from the raised signals: the decision table, and the life of a decision.

| raised                                   | decision                                      |
|------------------------------------------|-----------------------------------------------|
| nothing                                  | none; one that is open ends                   |
| inputs, scores or data quality           | Alert                                         |
| realised performance, with or without    | Retrain (mode Observe: Alert)                 |
| any of the others                        |                                               |
| the same, from the first window of a     | Rollback (mode Observe: Alert)                |
| version on, after one that performed     |                                               |

A decision stays the same one, under one id, until what it is about is over. A retraining that may not start
now is looked at again with every window.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from trimtab.apis.v1alpha1.driftmonitor_status import (
    DecisionEvidence,
    DecisionStatus,
    DecisionTarget,
    DriftMonitorStatus,
)
from trimtab.driftmonitor import going_back
from trimtab.driftmonitor.judgement import Judgement, raised_of, summary
from trimtab.driftmonitor.ledger import Entry, Ledger
from trimtab.driftmonitor.limits import Asked, budget_of, objection
from trimtab.driftmonitor.observed import DriftMonitorObserved, RetrainWorld, Template
from trimtab.driftmonitor.outcome import Outcome
from trimtab.driftmonitor.reasons import Reason
from trimtab.driftmonitor.signals import Signal
from trimtab.model.clock import stamp

ALERT, RETRAIN, ROLLBACK = "Alert", "Retrain", going_back.ROLLBACK
MESSAGE_LIMIT = 1024


def action_of(observed: DriftMonitorObserved, raised: Iterable[str]) -> str | None:
    """The row of the decision table."""
    signals = set(raised)
    if Signal.REALISED_PERFORMANCE in signals and observed.spec.mode != "Observe":
        return ROLLBACK if going_back.is_due(observed) else RETRAIN
    return ALERT if signals else None


def open_decision(status: DriftMonitorStatus) -> DecisionStatus | None:
    """The decision whose matter is not over."""
    decision = status.decision
    return decision if decision is not None and decision.ended_at is None else None


def needs_world(observed: DriftMonitorObserved) -> bool:
    """Whether this pass may come to start a retraining, and so must read live what that depends on."""
    decision = open_decision(observed.status)
    if decision is not None and (decision.action, decision.state) == (RETRAIN, "Approved"):
        return True
    judgement = observed.judgement
    return judgement is not None and action_of(observed, judgement.raised) == RETRAIN


def end(outcome: Outcome, now: datetime) -> Outcome:
    """What the open decision is about is over: nobody can approve it any more."""
    decision = open_decision(outcome.status)
    if decision is None:
        return outcome
    if not going_back.carried_out(outcome.status, decision):
        return _with(outcome, decision.model_copy(update={"ended_at": now}))
    done = decision.model_copy(update={"ended_at": now, "state": "Executed"})
    text = f"{decision.id}: {decision.evidence.model_version} was left"
    return _with(outcome, done).note(f"{decision.id}-back", Reason.ROLLED_BACK, text, now)


def choose(observed: DriftMonitorObserved, judgement: Judgement, outcome: Outcome, now: datetime) -> Outcome:
    """The outcome of a judged window with the decision that follows."""
    match action_of(observed, judgement.raised):
        case "Rollback":
            return _rollback(observed, judgement, outcome, now)
        case "Retrain":
            return _retrain(observed, judgement, outcome, now)
        case "Alert":
            return _alert(observed, judgement, outcome, now)
        case _:
            return end(outcome, now)


def _alert(observed: DriftMonitorObserved, judgement: Judgement, outcome: Outcome, now: datetime) -> Outcome:
    """One Alert per set of signals: one that grows alerts again, one that shrinks does not."""
    current = open_decision(outcome.status)
    if (
        current is not None
        and current.action == ALERT
        and set(judgement.raised) <= set(current.evidence.signals)
    ):
        return outcome
    decision = _new(observed, judgement, ALERT, "Executed", now)
    text = f"{decision.id}: {decision.evidence.message}"
    return _with(outcome, decision).note(f"{decision.id}-alert", Reason.ALERT, text, now, warning=True)


def _rollback(
    observed: DriftMonitorObserved, judgement: Judgement, outcome: Outcome, now: datetime
) -> Outcome:
    """One decision, which waits for a person or for the Deployment."""
    current = open_decision(outcome.status)
    known = current if current is not None and current.action == ROLLBACK else None
    decision = going_back.asked(observed, known or _new(observed, judgement, ROLLBACK, "Suggested", now))
    if known is not None and known.state in ("Approved", decision.state):
        return outcome
    return going_back.noted(_with(outcome, decision), decision, now)


def _retrain(
    observed: DriftMonitorObserved, judgement: Judgement, outcome: Outcome, now: datetime
) -> Outcome:
    world = observed.world
    if world is None:
        raise AssertionError("needs_world says that a retraining reads its world")
    current = open_decision(outcome.status)
    if current is not None and current.action == RETRAIN:
        if current.state == "Executed" and is_in_flight(world, current):
            return _waiting(outcome, world, current)
        if current.state != "Executed":
            return weigh(observed, outcome, current, broken=judgement.broken, now=now)
    decision = _new(observed, judgement, RETRAIN, "Suggested", now)
    return weigh(observed, outcome, decision, broken=judgement.broken, now=now)


def weigh(
    observed: DriftMonitorObserved,
    outcome: Outcome,
    decision: DecisionStatus,
    *,
    broken: bool,
    now: datetime,
) -> Outcome:
    """The outcome with the decision in the state that the limits allow: no further than Approved."""
    world = observed.world
    if world is None:
        raise AssertionError("a retraining is weighed against its world")
    asked = ask(observed, world, decision.id, broken=broken, now=now)
    found = objection(asked)
    outcome = _with_budget(observed, outcome, world, now)
    if found is not None:
        state = "Refused" if found.refused else "Suppressed"
        return _move(outcome, decision, state, now, reason=found.reason, message=found.message)
    automatic = observed.spec.mode == "Auto" or decision.state == "Approved"
    return _move(outcome, decision, "Approved" if automatic else "Suggested", now)


def ask(
    observed: DriftMonitorObserved, world: RetrainWorld, decision: str, *, broken: bool, now: datetime
) -> Asked:
    """The question to the limits. An entry for other data than the copied Experiment has is not ours."""
    digest = observed.status.reference.digest if observed.status.reference else ""
    own = world.ledger.of(observed.uid, decision) if isinstance(world.ledger, Ledger) else None
    return Asked(observed.spec, observed.model, digest, broken, world, _fitting(own, world), now)


def _fitting(own: Entry | None, world: RetrainWorld) -> Entry | None:
    if own is None or not isinstance(world.template, Template):
        return None
    return own if {source.name for source in world.template.spec.data} == set(own.data) else None


def executed(
    observed: DriftMonitorObserved, outcome: Outcome, decision: DecisionStatus, name: str, now: datetime
) -> Outcome:
    """The Experiment exists."""
    done = decision.model_copy(
        update={
            "state": "Executed",
            "reason": None,
            "message": "",
            "target": DecisionTarget(kind="Experiment", name=name),
        }
    )
    text = f"{decision.id}: Experiment {name} trains {observed.model} again: {decision.evidence.message}"
    return _with(outcome, done).note(f"{decision.id}-started", Reason.RETRAIN_STARTED, text, now)


def approved(outcome: Outcome, decision: DecisionStatus, by: str, token: str, now: datetime) -> Outcome:
    """A person said yes."""
    moved = decision.model_copy(update={"state": "Approved"})
    if moved.action == ROLLBACK:
        return going_back.noted(_with(outcome, moved), moved, now)
    text = f"{decision.id}: {by}"
    return _with(outcome, moved).note(f"{token}-approved"[:64], Reason.RETRAIN_APPROVED, text, now)


def is_in_flight(world: RetrainWorld, decision: DecisionStatus) -> bool:
    """Whether what the decision made is still on its way to be served."""
    name = decision.target.name if decision.target else ""
    return any(r.name == name and (not r.final or r.awaits) for r in world.retrains)


def _waiting(outcome: Outcome, world: RetrainWorld, decision: DecisionStatus) -> Outcome:
    """An executed decision says what its version waits for."""
    name = decision.target.name if decision.target else ""
    awaits = next((r.awaits for r in world.retrains if r.name == name), "")
    return _with(outcome, decision.model_copy(update={"message": awaits[:MESSAGE_LIMIT]}))


def _new(
    observed: DriftMonitorObserved, judgement: Judgement, action: str, state: str, now: datetime
) -> DecisionStatus:
    last = observed.status.decision
    number = int(last.id.removeprefix("d-")) + 1 if last else 1
    reference = observed.status.reference
    evidence = DecisionEvidence.model_validate(
        {
            "start": judgement.window.start,
            "end": judgement.window.end,
            "modelVersion": reference.model_version if reference else "",
            "signals": raised_of(judgement.signals),
            "message": summary(judgement.signals)[:MESSAGE_LIMIT],
        }
    )
    return DecisionStatus.model_validate(
        {"id": f"d-{number}", "action": action, "state": state, "at": now, "evidence": evidence}
    )


_NOTED = {
    "Suggested": (Reason.RETRAIN_SUGGESTED, False),
    "Suppressed": (Reason.RETRAIN_SUPPRESSED, True),
    "Refused": (Reason.RETRAIN_REFUSED, True),
}


def _move(
    outcome: Outcome,
    decision: DecisionStatus,
    state: str,
    now: datetime,
    *,
    reason: Reason | None = None,
    message: str = "",
) -> Outcome:
    """The decision in another state. A state (with its reason) is noted when it is entered."""
    moved = decision.model_copy(update={"state": state, "reason": reason, "message": message[:MESSAGE_LIMIT]})
    stored = outcome.status.decision
    entered = stored is None or (stored.id, stored.state, stored.reason) != (moved.id, state, reason)
    outcome = _with(outcome, moved)
    if not entered or state not in _NOTED:
        return outcome
    noted, warning = _NOTED[state]
    text = f"{moved.id}: {reason}: {message}" if reason else f"{moved.id}: {moved.evidence.message}"
    entry = f"{moved.id}-{state.lower()}-{stamp(now)}"
    return outcome.note(entry, noted, text, now, warning=warning)


def _with(outcome: Outcome, decision: DecisionStatus) -> Outcome:
    status = outcome.status.model_copy(update={"decision": decision})
    return Outcome(status, outcome.state, outcome.children, outcome.wake_at)


def _with_budget(
    observed: DriftMonitorObserved, outcome: Outcome, world: RetrainWorld, now: datetime
) -> Outcome:
    if not isinstance(world.ledger, Ledger):
        return outcome
    budget = budget_of(observed.spec, world, world.ledger, now)
    status = outcome.status.model_copy(update={"budget": budget})
    return Outcome(status, outcome.state, outcome.children, outcome.wake_at)
