"""A candidate on its way. First what ends it, then what people ask for, then what its step waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import Side
from trimtab.deployment import actions
from trimtab.deployment.alone import follow_alone, is_alone, promote_alone
from trimtab.deployment.analysis import Verdict
from trimtab.deployment.health import NAME as POD_HEALTH
from trimtab.deployment.health import judge_pods
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason
from trimtab.deployment.stepping import advance
from trimtab.deployment.steps import NOTHING, position
from trimtab.deployment.turn import Turn, enter, give_up, stay


def begin(observed: DeploymentObserved, candidate: Side, now: datetime) -> Decision:
    """The candidate has just got its role: step 0."""
    at = position(observed.spec.rollout.steps, None)
    return enter(Turn(observed=observed, candidate=candidate, verdicts=(), at=at, now=now), 0)


def follow(observed: DeploymentObserved, candidate: Side, now: datetime) -> Decision:
    """One pass over a candidate that the spec asks for."""
    turn = Turn(
        observed=observed,
        candidate=candidate,
        verdicts=(*observed.verdicts, judge_pods(observed, candidate, now)),
        at=position(observed.spec.rollout.steps, observed.status.step),
        now=now,
    )
    action = actions.pending(observed.action, observed.status)
    if action is not None and not actions.fits(action, observed.status):
        return _stale(turn, action)
    if action is not None and action.action == actions.ABORT:
        return _acted(give_up(turn, Reason.ABORTED_BY_PERSON, actions.author(action)), action, now)
    failed = _failed(turn)
    if failed is not None:
        return failed
    return _promote_step(turn, action) if action is not None else _go_on(turn)


def _go_on(turn: Turn) -> Decision:
    """The step goes on, unless people have frozen the rollout: then it stays in its step, at its weight."""
    if not turn.observed.spec.rollout.freeze:
        return follow_alone(turn) if is_alone(turn) else advance(turn)
    if turn.observed.status.step is None:
        turn = replace(turn, at=replace(turn.at, share=NOTHING))
    text = "rollout.freeze is set: no step begins until it is removed; a failure still aborts"
    return stay(turn, Reason.FROZEN, text, phase="Paused")


def _failed(turn: Turn) -> Decision | None:
    """The end, if a metric that aborts has failed."""
    failed = [v for v in turn.verdicts if v.verdict is Verdict.FAIL and v.aborts]
    if not failed:
        return None
    reason = Reason.POD_HEALTH if failed[0].name == POD_HEALTH else Reason.ANALYSIS_FAILED
    return give_up(turn, reason, "; ".join(f"{v.name}: {v.message or v.value}" for v in failed))


def _promote_step(turn: Turn, action: actions.Action) -> Decision:
    """A person ends the wait of this step. Traffic that is being moved is not skipped, unless stable is down;
    nor is a freeze."""
    alone = is_alone(turn)
    is_moving = turn.at.step is None or (turn.at.step.moves_traffic and not alone)
    if turn.observed.spec.rollout.freeze or is_moving:
        return _stale(turn, action)
    decision = promote_alone(turn) if alone else enter(turn, turn.at.index + 1)
    return _acted(decision, action, turn.now).note(
        f"promote-{action.token}"[:64], Reason.PROMOTED_BY_PERSON, actions.author(action), turn.now
    )


def _acted(decision: Decision, action: actions.Action, now: datetime) -> Decision:
    done = actions.record(action, done=True, now=now)
    return replace(decision, status=decision.status.model_copy(update={"last_action": done}))


def _stale(turn: Turn, action: actions.Action) -> Decision:
    """Refused once, and said so; the rollout goes on as if nothing had been asked."""
    decision = _failed(turn) or _go_on(turn)
    refused = actions.record(action, done=False, now=turn.now)
    revision, step = actions.named(action)
    text = f"{action.action} names revision {revision} step {step}, which does not wait now"
    return replace(decision, status=decision.status.model_copy(update={"last_action": refused})).note(
        f"stale-{action.token}"[:64], Reason.STALE_ACTION, text, turn.now, warning=True
    )
