"""A promoted revision on probation: it goes on being judged, and is left for the one before if it fails.

There is nobody beside it any more, so its rates are held against fixed shares: what each metric allows, or
what the revision before showed in the canary if that was more. The test is an e-process, valid at every look
(`trimtab.stats.shares`), and spends `alpha` once more. Pods are judged more gently than those of a candidate:
a restart may be the node's, and there is no control group to tell.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, ProbationLimit, ProbationStatus, Side
from trimtab.deployment.analysis import alpha_of
from trimtab.deployment.checkpoint import checkpoint_if_due
from trimtab.deployment.evidence import limits_of
from trimtab.deployment.health import UNREADY_LIMIT_SECONDS
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.pod_counters import SideName
from trimtab.deployment.reasons import Reason
from trimtab.deployment.steps import observed_seconds
from trimtab.deployment.traffic.sides import ready
from trimtab.model.clock import after
from trimtab.model.numbers import shown
from trimtab.stats.evidence import RateEvidence
from trimtab.stats.rates import log_threshold
from trimtab.stats.shares import log_e_above, upper_bound

BASELINE_ALPHA = 0.05
LARGEST_SHARE = 0.99
CRASH_LOOP_RESTARTS = 3
CLOCK_INDEX = 0
"""Its time is counted as that of a step with this index, under a turn of its own."""
SAVE_SECONDS = 300.0
WAKE_SECONDS = 5.0


def judged_sides(status: DeploymentStatus) -> dict[SideName, Side]:
    """Who is judged as candidate, beside which stable; on probation stable is, beside nobody."""
    if status.stable is None or status.abort is not None:
        return {}
    if status.candidate is not None:
        return {"stable": status.stable, "candidate": status.candidate}
    return {"candidate": status.stable} if status.probation is not None else {}


def begun(observed: DeploymentObserved, now: datetime) -> ProbationStatus | None:
    """The probation that a promotion in this pass begins; None: the spec asks for none."""
    if observed.spec.rollout.probation is None or observed.status.stable is None:
        return None
    rates = observed.evidence.rates if observed.evidence else {}
    limits = [
        ProbationLimit(metric=metric.name, share=shown(share))
        for metric in observed.spec.rollout.analysis.effective_metrics
        if metric.aborts
        and metric.source_ref is None
        and (share := _limit(rates.get(metric.name))) is not None
    ]
    return ProbationStatus(started_at=now, limits=tuple(limits))


def failure(observed: DeploymentObserved) -> str:
    """Why stable has not stood its probation; empty while it has. To see a crash loop takes no evidence."""
    if observed.status.probation is None:
        return ""
    return _beyond(observed, observed.status.probation) or _crashing(observed) or _down(observed)


def follow(observed: DeploymentObserved, decision: Decision, now: datetime) -> Decision:
    """What else is decided, with the end of the probation when its time is over."""
    spec, status = observed.spec.rollout.probation, decision.status
    if status.probation is None or observed.status.probation is None:
        return decision
    if spec is None:
        return replace(decision, status=status.model_copy(update={"probation": None}))
    left = spec.seconds - _seconds(observed)
    if left <= 0 and status.stable is not None:
        over = replace(decision, status=status.model_copy(update={"probation": None}))
        text = f"{status.stable.model_version}, revision {status.stable.revision}, after {spec.for_}"
        started = f"{status.probation.started_at:%Y%m%dT%H%M%S}"
        return over.note(f"passed-{status.stable.revision}-{started}", Reason.PROBATION_PASSED, text, now)
    wake = after(now, min(left, WAKE_SECONDS))
    return replace(
        decision,
        children=(*decision.children, *checkpoint_if_due(observed, now, every=SAVE_SECONDS)),
        wake_at=wake if decision.wake_at is None else min(wake, decision.wake_at),
    )


def _limit(rate: RateEvidence | None) -> float | None:
    """The share above which it fails; None where the side before was not measured."""
    if rate is None or not rate.stable.trials:
        return None
    allowed = rate.limits.fail_share or rate.limits.pass_share or 0.0
    before = upper_bound(rate.stable.trials, rate.stable.events, BASELINE_ALPHA)
    return min(LARGEST_SHARE, max(allowed, rate.limits.max_ratio * before))


def _beyond(observed: DeploymentObserved, probation: ProbationStatus) -> str:
    rates = observed.evidence.rates if observed.evidence else {}
    threshold = log_threshold(alpha_of(observed.spec.rollout.analysis))
    aborting = {
        metric.name
        for metric in observed.spec.rollout.analysis.effective_metrics
        if metric.aborts and limits_of(metric) is not None
    }
    for limit in probation.limits:
        rate = rates.get(limit.metric)
        if limit.metric not in aborting or rate is None or not rate.candidate.trials:
            continue
        seen, share = rate.candidate, float(limit.share)
        if log_e_above(seen.trials, seen.events, share) >= threshold:
            found = f"{100 * seen.events / seen.trials:.2f} % of {int(seen.trials)}"
            return f"{limit.metric}: {found}, and {100 * share:.2f} % are allowed"
    return ""


def _crashing(observed: DeploymentObserved) -> str:
    """A container that restarts again and again. One restart may be the node's."""
    stable = observed.status.stable
    workload = observed.workloads.get(stable.revision) if stable else None
    for pod in workload.pods if workload else ():
        if pod.restarts >= CRASH_LOOP_RESTARTS and not pod.deleting:
            why = f": {pod.trouble.message}" if pod.trouble else ""
            return f"pod {pod.name} restarted {pod.restarts} times{why}"
    return ""


def _down(observed: DeploymentObserved) -> str:
    """No pod of it is ready, and one of the revision before is: so it is not the cluster."""
    down = observed.evidence.stable_down_seconds if observed.evidence else 0.0
    warm = ready(observed, observed.status.last_good)
    if down <= UNREADY_LIMIT_SECONDS or not warm:
        return ""
    return f"none of its pods has been ready for {down:.0f} s, and {warm} of the revision before are"


def _seconds(observed: DeploymentObserved) -> float:
    evidence = observed.evidence
    if evidence is None:
        return 0.0
    return observed_seconds(evidence.observed_seconds, evidence.turn, CLOCK_INDEX)
