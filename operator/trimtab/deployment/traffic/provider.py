"""What a traffic provider answers: pods for a weight, the writes that move traffic, what has moved already.

The callers keep the order (sides grow, traffic moves, sides shrink); a provider says what may move now and
which side has no traffic to lose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.deployment.pod_counters import Unit
from trimtab.deployment.reasons import Reason
from trimtab.deployment.steps import Share
from trimtab.deployment.traffic.replica_ratio import Pair
from trimtab.model.plan import ChildWrite, Delete


@dataclass(frozen=True)
class Wanted:
    """What the roles call for in this pass: pods of both sides, and the writes that move their traffic."""

    pair: Pair
    traffic: tuple[ChildWrite, ...] = ()


@dataclass(frozen=True)
class Problem:
    """Why traffic cannot be moved, or is not known to have moved. ``answered``: somebody has said so, and it
    is not just that nobody has answered yet. ``lasting``: it stands until somebody changes the spec or the
    cluster, so that no deadline makes a candidate pay for it."""

    reason: Reason
    message: str
    answered: bool = True
    lasting: bool = False


class Provider(Protocol):
    """Pure: everything follows from what is observed. ``unit``: what a share is a share of."""

    unit: Unit

    def first(self, observed: DeploymentObserved, candidate: Side) -> tuple[ChildWrite, ...]:
        """Traffic for the first version, beside which nothing else serves."""

    def back(self, observed: DeploymentObserved, stable: Side, floor: int) -> tuple[ChildWrite, ...]:
        """All traffic to stable once it has ``floor`` ready pods; until then nobody loses the pods that
        answer."""

    def split(
        self,
        observed: DeploymentObserved,
        status: DeploymentStatus,
        stable: Side,
        candidate: Side,
        share: Share,
    ) -> Wanted:
        """Pods and traffic for a share: what may move now, given what is ready now."""

    def may_shrink(
        self,
        observed: DeploymentObserved,
        workload: WorkloadObserved,
        size: int,
        other: Side | None,
        want: int,
    ) -> bool:
        """Whether a side may go down to ``size`` pods. ``want``: the pods that the other side should have."""

    def is_applied(self, observed: DeploymentObserved, want: Wanted, share: Share) -> bool:
        """Whether the share is there: both sides have its pods, and the data plane has taken it."""

    def share(self, observed: DeploymentObserved) -> int:
        """The weight of the candidate that is in effect now, in percent; 0 when none is known to be."""

    def share_text(self, share: Share, replicas: int) -> str:
        """A share and the pods that it takes."""

    def may_promote(self, observed: DeploymentObserved, candidate: Side) -> bool:
        """Whether a candidate of full size has what it takes to become stable."""

    def obstacle(self, observed: DeploymentObserved) -> Problem | None:
        """What keeps anything from being started until somebody changes it."""

    def problem(self, observed: DeploymentObserved) -> Problem | None:
        """Why what was written is not known to be in effect."""

    def leftovers(self, observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
        """Objects of traffic that nothing needs any more, of other providers too."""
