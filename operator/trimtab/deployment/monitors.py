"""What DriftMonitors ask for: a decision to go back is carried out once, by its id, about stable as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from trimtab.apis.v1alpha1.deployment_status import MonitorDecision
from trimtab.deployment import rollback
from trimtab.deployment.observed import AskedToGoBack, DeploymentObserved
from trimtab.deployment.outcome import Decision
from trimtab.deployment.reasons import Reason


def asked(observed: DeploymentObserved) -> AskedToGoBack | None:
    """The decision that is to be carried out now. None while a candidate is on its way: it may be the fix."""
    status = observed.status
    busy = (status.candidate, status.abort, status.rollback)
    if status.stable is None or status.last_good is None or any(one is not None for one in busy):
        return None
    return next(
        (
            one
            for one in observed.asked
            if one.revision == status.stable.revision and _record(one) != status.last_decision
        ),
        None,
    )


def go_back(observed: DeploymentObserved, one: AskedToGoBack, now: datetime) -> Decision:
    """A rollback, with the decision remembered in the same write."""
    known = observed.status.model_copy(update={"last_decision": _record(one)})
    text = f"DriftMonitor {one.monitor}, decision {one.id}: {one.message}"
    return rollback.begin(replace(observed, status=known), Reason.ROLLED_BACK_BY_MONITOR, text, now)


def _record(one: AskedToGoBack) -> MonitorDecision:
    return MonitorDecision(monitor=one.monitor, monitor_uid=one.monitor_uid, id=one.id)
