"""decide(observed, now) -> Plan for one DriftMonitor: the first thing that there is to say, said.

Order: nothing to compare with, another version took over, a window was closed, the pods cannot be read, a
person asked for something, a retraining is to be started, nothing. One pass says one of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trimtab.apis.v1alpha1.driftmonitor_status import (
    DecisionStatus,
    DriftMonitorStatus,
    ReferenceStatus,
    SignalStatus,
)
from trimtab.driftmonitor import build, choice, going_back
from trimtab.driftmonitor.checkpoint import checkpoint_if_due
from trimtab.driftmonitor.judgement import Judgement, is_broken, raised_of, summary
from trimtab.driftmonitor.ledger import Entry, Ledger
from trimtab.driftmonitor.observed import (
    DriftMonitorObserved,
    Problem,
    Reference,
    RetrainWorld,
    Template,
    Unjudgeable,
)
from trimtab.driftmonitor.outcome import Outcome, finish
from trimtab.driftmonitor.reasons import Reason
from trimtab.driftmonitor.signals import Signal
from trimtab.driftmonitor.state import state_of, watched_signals
from trimtab.model import actions, names
from trimtab.model.actions import Action
from trimtab.model.clock import after, stamp
from trimtab.model.conditions import progressing, stalled
from trimtab.model.plan import Plan

APPROVE = "approve"
RETRY_SECONDS = 20.0


def decide(observed: DriftMonitorObserved, now: datetime) -> Plan:
    """One pass. Pure: equal arguments give equal plans; a plan that was carried out leads to an empty one."""
    return finish(observed, _decide(observed, now), now)


def _decide(observed: DriftMonitorObserved, now: datetime) -> Outcome:
    reference = observed.reference
    if isinstance(reference, Unjudgeable):
        return _without_reference(observed, reference, now)
    if not _is_current(observed.status.reference, reference):
        return _swap(observed, reference, now)
    return _watch(observed, now)


def _watch(observed: DriftMonitorObserved, now: datetime) -> Outcome:
    """The version that is served is the one that windows are compared with."""
    status = observed.status
    if observed.judgement is not None:
        return _judged(observed, observed.judgement, now)
    if observed.problem and status.phase != "SourceError":
        return _unread(observed, now)
    action = actions.pending(observed.action, (APPROVE,), status.last_action)
    if action is not None:
        return _act(observed, action, now)
    decision = choice.open_decision(status)
    if decision is not None and decision.state == "Approved":
        return _go_on(observed, decision, now)
    return replace(_same(observed), children=checkpoint_if_due(observed, now))


def _go_on(observed: DriftMonitorObserved, decision: DecisionStatus, now: datetime) -> Outcome:
    """What was approved is carried out, here or by the Deployment."""
    if observed.spec.mode == "Observe":
        return choice.end(_same(observed), now)
    if decision.action == choice.RETRAIN and observed.world is not None:
        return _start(observed, observed.world, decision, now)
    return replace(_same(observed), children=checkpoint_if_due(observed, now))


def _same(observed: DriftMonitorObserved) -> Outcome:
    return _outcome(observed, observed.status)


def _outcome(observed: DriftMonitorObserved, status: DriftMonitorStatus) -> Outcome:
    return Outcome(status, state_of(status, observed.spec))


def _without_reference(observed: DriftMonitorObserved, reason: Unjudgeable, now: datetime) -> Outcome:
    status = observed.status.model_copy(update={"phase": "Waiting"})
    state = progressing if reason.waiting else stalled
    unseen = reason.reason in (Reason.PROFILE_UNREADABLE, Reason.NO_PROFILE)
    wake = after(now, RETRY_SECONDS) if unseen else None  # nothing tells when the registry has it
    return Outcome(status, state(reason.reason, reason.message), wake_at=wake)


def _is_current(stored: ReferenceStatus | None, reference: Reference) -> bool:
    return stored is not None and (stored.model_version, stored.digest, stored.profile_digest) == (
        reference.model_version,
        reference.digest,
        reference.profile_digest,
    )


def _swap(observed: DriftMonitorObserved, reference: Reference, now: datetime) -> Outcome:
    """Another version is served: what was seen of the one before says nothing about it."""
    before = observed.status.reference
    status = observed.status.model_copy(
        update={
            "phase": "Waiting",
            "reference": going_back.succeeded(observed.status, reference, now),
            "window": None,
            "signals": (),
            "persistence": (),
        }
    )
    text = f"windows are compared with the reference of {reference.model_version}"
    text += f", not of {before.model_version} any more" if before else ""
    entry = f"reference-{reference.model_version[-36:]}-{stamp(now)}"
    return choice.end(_outcome(observed, status), now).note(entry, Reason.REFERENCE_CHANGED, text, now)


def _judged(observed: DriftMonitorObserved, judgement: Judgement, now: datetime) -> Outcome:
    status = observed.status.model_copy(
        update={
            "phase": judgement.phase,
            "window": judgement.window,
            "signals": judgement.signals,
            "persistence": judgement.persistence,
            "reference": going_back.judged(observed.status.reference, judgement.signals),
        }
    )
    outcome = _noted(_outcome(observed, status), observed.status, judgement, now)
    return choice.choose(observed, judgement, outcome, now)


def _noted(outcome: Outcome, before: DriftMonitorStatus, judgement: Judgement, now: datetime) -> Outcome:
    """History says when a signal is raised or cleared, and when traffic ends."""
    closed, was = stamp(judgement.window.end), set(raised_of(before.signals))
    for signal in judgement.signals:
        if signal.raised and signal.signal not in was:
            outcome = outcome.note(
                f"raised-{signal.signal}-{closed}", Reason.RAISED, summary([signal]), now, warning=True
            )
        if not signal.raised and signal.signal in was:
            text = f"{signal.signal}: below the level that clears it in enough windows"
            outcome = outcome.note(f"cleared-{signal.signal}-{closed}", Reason.CLEARED, text, now)
    if judgement.phase == "NoTraffic" and before.phase != "NoTraffic":
        text = f"no row was answered since {judgement.window.start:%Y-%m-%dT%H:%M:%SZ}"
        outcome = outcome.note(f"silent-{closed}", Reason.NO_TRAFFIC, text, now, warning=True)
    return outcome


def _unread(observed: DriftMonitorObserved, now: datetime) -> Outcome:
    """The source failed for a whole window: said once, and never taken for health."""
    before = {Signal(signal.signal): signal for signal in observed.status.signals}
    signals = tuple(
        SignalStatus.model_validate(
            {
                "signal": name,
                "verdict": "SourceError",
                "raised": name in before and before[name].raised,
                "of": before[name].of if name in before else "",
                "message": observed.problem[:1024],
            }
        )
        for name in watched_signals(observed.spec)
    )
    status = observed.status.model_copy(update={"phase": "SourceError", "signals": signals})
    entry = f"source-{stamp(now)}"
    return _outcome(observed, status).note(entry, Reason.SOURCE_ERROR, observed.problem, now, warning=True)


def _act(observed: DriftMonitorObserved, action: Action, now: datetime) -> Outcome:
    """A token is carried out once, for the decision that it names, while that waits for it."""
    decision, named = choice.open_decision(observed.status), action.about.get("decision")
    fits = decision is not None and decision.id == named and decision.state == "Suggested"
    record = actions.record(action, done=fits, now=now)
    outcome = _outcome(observed, observed.status.model_copy(update={"last_action": record}))
    if decision is not None and fits:
        return choice.approved(outcome, decision, record.by, action.token, now)
    text = f"approve names decision {str(named)[:20]}, which does not wait for it"
    return outcome.note(f"{action.token}-stale"[:64], Reason.STALE_ACTION, text, now, warning=True)


def _start(
    observed: DriftMonitorObserved, world: RetrainWorld, decision: DecisionStatus, now: datetime
) -> Outcome:
    """An entry in the ledger -> the Experiment -> status says so. Each arrow is a pass of its own, so a
    process that dies anywhere is continued by the next one."""
    outcome = _same(observed)
    if world.made is not None:
        return choice.executed(observed, outcome, decision, world.made.name, now)
    broken = is_broken(observed.status)
    weighed = choice.weigh(observed, outcome, decision, broken=broken, now=now)
    moved = weighed.status.decision
    if moved is None or moved.state != "Approved":
        return weighed
    asked = choice.ask(observed, world, decision.id, broken=broken, now=now)
    if not isinstance(world.ledger, Ledger) or not isinstance(world.template, Template):
        raise AssertionError("the limits refuse a retraining without ledger or template")
    if asked.own is not None and asked.is_reserved:
        return replace(weighed, children=(build.experiment(observed, world.template, asked.own),))
    if isinstance(asked.data, Problem):
        raise AssertionError("the limits refuse a retraining without data")
    entry = Entry(
        name=names.retrain(observed.model, asked.served_digest, asked.data),
        at=now,
        monitor=observed.name,
        monitor_uid=observed.uid,
        decision=decision.id,
        data=asked.data,
    )
    return replace(weighed, children=(build.reservation(observed, world.ledger, entry),))
