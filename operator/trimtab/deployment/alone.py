"""A candidate beside a stable revision that does not serve: it may be the fix, so nothing waits for stable.

Weights, pauses and comparisons mean nothing then. The candidate has all traffic already, because no other pod
is ready; what is left to decide is whether it grows to full size and keeps it.
"""

from __future__ import annotations

from trimtab.deployment.analysis import MetricVerdict
from trimtab.deployment.evidence import limits_of
from trimtab.deployment.health import UNREADY_LIMIT_SECONDS
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason
from trimtab.deployment.traffic.providers import provider_of
from trimtab.deployment.turn import Turn, enter, stay


def is_alone(turn: Turn) -> bool:
    """Stable has had no ready pod for longer than a pod may take to come back, and the candidate answers."""
    evidence = turn.observed.evidence
    if evidence is None or turn.at.step is None or turn.observed.status.step is None:
        return False
    down = evidence.stable_down_seconds > UNREADY_LIMIT_SECONDS
    return down and provider_of(turn.observed.spec).share(turn.observed) > 0


def follow_alone(turn: Turn) -> Decision:
    """What `onStableUnhealthy` says. The candidate's own numbers are all that there is to go by."""
    worry = _worry(turn)
    if turn.observed.spec.rollout.on_stable_unhealthy == "Promote" and not worry:
        text = "stable has no ready pod: the candidate takes all traffic, without the steps that are left"
        entry = f"alone-{turn.name}"
        return promote_alone(turn).note(entry, Reason.STABLE_UNHEALTHY, text, turn.now, warning=True)
    text = (
        "stable has no ready pod, and the candidate answers alone; waits for `trimtab promote`, or for stable"
    )
    why = f"; not promoted: {worry}" if worry else ""
    return stay(turn, Reason.STABLE_UNHEALTHY, text + why, phase="Paused", held=True)


def promote_alone(turn: Turn) -> Decision:
    """Behind the last step: it grows to full size, and the roles swap."""
    return enter(turn, len(turn.observed.spec.rollout.steps))


def _worry(turn: Turn) -> str:
    """Why the candidate may be no better than nothing: unread, or beyond a limit of its own."""
    if turn.observed.is_frozen:
        return "its metrics cannot be read"
    shares = {
        metric.name: limits.pass_share
        for metric in turn.observed.spec.rollout.analysis.effective_metrics
        if metric.aborts and (limits := limits_of(metric)) is not None
    }
    beyond = [v.name for v in turn.verdicts if _is_beyond(v, shares.get(v.name))]
    return f"{', '.join(beyond)} beyond the limit of its own" if beyond else ""


def _is_beyond(verdict: MetricVerdict, share: float | None) -> bool:
    return share is not None and verdict.value is not None and verdict.value > share
