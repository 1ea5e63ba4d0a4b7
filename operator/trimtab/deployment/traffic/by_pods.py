"""The ReplicaRatio provider: the front Service selects one side or both, and pods are the weights."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment import build
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.deployment.pod_counters import Unit
from trimtab.deployment.steps import Share
from trimtab.deployment.traffic.provider import Problem, Provider, Wanted
from trimtab.deployment.traffic.replica_ratio import Pair, pair
from trimtab.deployment.traffic.sides import ready, replicas_of, retired, serving
from trimtab.model.kinds import HTTP_ROUTE, SERVICE
from trimtab.model.plan import ChildWrite, Delete, delete_of


@dataclass(frozen=True)
class Traffic:
    """Where the front Service points: at one revision, or (``both``) at all pods of the Deployment."""

    revision: str
    both: bool = False


class ReplicaRatio(Provider):
    unit: Unit = "connection"

    def first(self, observed: DeploymentObserved, candidate: Side) -> tuple[ChildWrite, ...]:
        return _front(observed, first_traffic(observed, candidate))

    def back(self, observed: DeploymentObserved, stable: Side, floor: int) -> tuple[ChildWrite, ...]:
        return _front(observed, traffic_back(observed, stable, floor))

    def split(
        self,
        observed: DeploymentObserved,
        status: DeploymentStatus,
        stable: Side,
        candidate: Side,
        share: Share,
    ) -> Wanted:
        replicas, weight = observed.spec.serving.replicas, share.weight
        if weight >= 100:
            # The candidate grows to full size beside stable; the roles swap when it is there.
            both = is_split(observed) and not _third_pods(observed, status)
            kept = min(replicas_of(observed, stable), replicas) if both else replicas
            return Wanted(Pair(kept, replicas), _front(observed, Traffic(stable.revision, both)))
        target = pair(replicas, weight)
        if _may_split(observed, status, target):
            return Wanted(target, _front(observed, Traffic(stable.revision, both=True)))
        # Until both sides have traffic, stable has all of it and needs all of its pods.
        return Wanted(Pair(replicas, target.candidate), self.back(observed, stable, replicas))

    def may_shrink(
        self,
        observed: DeploymentObserved,
        workload: WorkloadObserved,
        size: int,
        other: Side | None,
        want: int,
    ) -> bool:
        """To none: no endpoint is one of its pods. To fewer: the other side answers with all of its own.

        A route that is left over from a Gateway may send it requests: it goes first.
        """
        if observed.routing.route is not None:
            return False
        if size == 0:
            return workload.serving_pods == 0
        return other is None or want == 0 or serving(observed, other) >= want

    def is_applied(self, observed: DeploymentObserved, want: Wanted, share: Share) -> bool:
        """Both sides have the pods of the weight, all of them behind the Service."""
        status = observed.status
        return (
            is_split(observed)
            and serving(observed, status.candidate) == want.pair.candidate
            and serving(observed, status.stable) == want.pair.stable
        )

    def share(self, observed: DeploymentObserved) -> int:
        """The share of endpoints, while the Service selects both sides."""
        if not is_split(observed):
            return 0
        ours, theirs = (
            serving(observed, side) for side in (observed.status.candidate, observed.status.stable)
        )
        return round(100 * ours / (ours + theirs)) if ours + theirs else 0

    def share_text(self, share: Share, replicas: int) -> str:
        weight = share.weight
        pods = pair(replicas, weight)
        text = f"weight {weight}: {pods.candidate} of {pods.stable + pods.candidate} pods"
        return text if pods.gives(weight) else f"{text}, which is {pods.effective_weight:.0f} %"

    def may_promote(self, observed: DeploymentObserved, candidate: Side) -> bool:
        """The Service follows the roles."""
        return True

    def obstacle(self, observed: DeploymentObserved) -> Problem | None:
        return None

    def problem(self, observed: DeploymentObserved) -> Problem | None:
        """Endpoints are read as they are: there is nobody else to ask."""
        return None

    def leftovers(self, observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
        """What the Deployment had from a Gateway: the routes first, then the Services that it names."""
        routes, services = (observed.routing.route, observed.routing.probe), observed.routing.services
        left = tuple(delete_of(HTTP_ROUTE, route) for route in routes if route is not None)
        if left:
            return left
        return tuple(delete_of(SERVICE, services[revision]) for revision in sorted(services))


def is_split(observed: DeploymentObserved) -> bool:
    """Whether the Service selects both sides now."""
    return observed.service is not None and build.selects_both(observed.service)


def first_traffic(observed: DeploymentObserved, candidate: Side) -> Traffic:
    """Traffic to the first version, also while some of its pods are missing.

    One that another first version left half ready answers until the new one is ready.
    """
    left = build.selected_revision(observed.service) if observed.service else None
    before = observed.workloads.get(left) if left and left != candidate.revision else None
    if before and before.serving_pods and ready(observed, candidate) < observed.spec.serving.replicas:
        return Traffic(before.revision)
    return Traffic(candidate.revision)


def traffic_back(observed: DeploymentObserved, stable: Side, floor: int) -> Traffic:
    """All traffic to stable once it has ``floor`` ready pods.

    It only waits: a Service that selects stable alone is never widened here.
    """
    others = sum(w.serving_pods for revision, w in observed.workloads.items() if revision != stable.revision)
    waits = is_split(observed) and ready(observed, stable) < floor and others > 0
    return Traffic(stable.revision, both=waits)


def _front(observed: DeploymentObserved, to: Traffic) -> tuple[ChildWrite, ...]:
    return (build.front_service(observed, None if to.both else to.revision),)


def _may_split(observed: DeploymentObserved, status: DeploymentStatus, target: Pair) -> bool:
    """Whether both sides may have traffic: the candidate has its pods, and nobody else has any.

    A superseded candidate may have left the Service split: its pods must go before the next one has traffic.
    """
    if target.candidate == 0 or _third_pods(observed, status):
        return False
    return is_split(observed) or ready(observed, status.candidate) >= target.candidate


def _third_pods(observed: DeploymentObserved, status: DeploymentStatus) -> bool:
    """Whether a revision without a role still has a pod, which a Service over both sides would hit."""
    return any(workload.pods for workload in retired(observed, status))
