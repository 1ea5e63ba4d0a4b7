"""A Deployment's decision, and the one place that turns it into a Plan with conditions, phase and history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.reasons import Reason
from trimtab.model import conditions, history
from trimtab.model.conditions import Condition
from trimtab.model.plan import Body, ChildWrite, Delete, Plan

AVAILABLE = "Available"
METRICS_AVAILABLE = "MetricsAvailable"


@dataclass(frozen=True)
class Decision:
    """The next status (without conditions), its conditions, and the writes that may follow it.

    ``urgent``: traffic must go back within a second, so its write does not wait long for that of the status.
    ``silent``: the children come first, and the pass that sees them says what there is to say.
    """

    status: DeploymentStatus
    conditions: tuple[Condition, ...]
    children: tuple[ChildWrite, ...] = ()
    deletions: tuple[Delete, ...] = ()
    wake_at: datetime | None = None
    urgent: bool = False
    silent: bool = False

    def note(
        self, entry_id: str, reason: Reason, message: str, now: datetime, *, warning: bool = False
    ) -> Decision:
        """The same decision with one more line of history."""
        entries = history.append(
            self.status.history,
            entry_id=entry_id,
            reason=reason,
            message=message,
            now=now,
            warning=warning,
        )
        return replace(self, status=self.status.model_copy(update={"history": entries}))


def finish(observed: DeploymentObserved, decision: Decision, now: datetime) -> Plan:
    """The plan of a decision: the status is written only if it differs from the stored one."""
    desired = (*decision.conditions, _available(observed), *_metrics(observed))
    merged = conditions.merge(observed.status.conditions, desired, generation=observed.generation, now=now)
    stable = decision.status.stable
    workload = observed.workloads.get(stable.revision) if stable else None
    status = decision.status.model_copy(
        update={
            "conditions": merged,
            "observed_generation": observed.generation,
            "replicas": workload.ready_replicas if workload else 0,
        }
    )
    wire = status.to_wire()
    is_due = _is_news(wire, observed.status.to_wire()) and not decision.silent
    return Plan(
        status=wire if is_due else None,
        children=decision.children,
        deletions=decision.deletions,
        wake_at=decision.wake_at,
        urgent=decision.urgent,
    )


def _is_news(wire: Body, stored: Body) -> bool:
    """Whether the status is worth a write. On the way, pods that come and go and metrics that can be read are
    not: the next step says it."""
    return _told(wire) != _told(stored) if "step" in wire else wire != stored


def _told(wire: Body) -> Body:
    conditions_ = [
        c for c in wire.get("conditions", ()) if (c["type"], c["status"]) != (METRICS_AVAILABLE, "True")
    ]
    return {**wire, "replicas": None, "conditions": conditions_}


def _available(observed: DeploymentObserved) -> Condition:
    """Whether some revision serves, whatever else is going on."""
    if any(workload.serving_pods for workload in observed.workloads.values()):
        return Condition(AVAILABLE, "True", Reason.SERVING, "requests are answered")
    return Condition(AVAILABLE, "False", Reason.NOTHING_SERVES, "no pod is ready behind the Service")


def _metrics(observed: DeploymentObserved) -> tuple[Condition, ...]:
    """Whether the metrics of the pods can be read; shown only while a candidate is judged, and on
    probation if they cannot."""
    if observed.unread:
        return (Condition(METRICS_AVAILABLE, "False", Reason.PROVIDER_ERROR, observed.unread),)
    if observed.evidence is None or observed.status.candidate is None:
        return ()
    return (Condition(METRICS_AVAILABLE, "True", Reason.METRICS_READ, "all pods of both sides are read"),)
