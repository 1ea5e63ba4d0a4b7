"""The GatewayAPI provider: one HTTPRoute with weights over a Service per revision.

The Services are created, weighted and removed, and never select another revision. The front Service stays on
stable. The rules of safety, for the route:

1. the weight of a revision rises only when it has the ready endpoints for it;
2. what may not rise yet leaves the weights as they are;
3. a side loses its last pod only when the route has given it no weight for a while, as the Gateway confirms;
4. requests are copied only when the Gateway has accepted to do so, on a route that no request matches.
"""

from __future__ import annotations

from collections.abc import Mapping

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment import build
from trimtab.deployment.observed import DeploymentObserved, WorkloadObserved
from trimtab.deployment.pod_counters import Unit
from trimtab.deployment.reasons import Reason
from trimtab.deployment.steps import Share
from trimtab.deployment.traffic.build_route import revision_service, route
from trimtab.deployment.traffic.by_pods import Traffic, first_traffic, traffic_back
from trimtab.deployment.traffic.capacity import capacity
from trimtab.deployment.traffic.gateway_pods import pods, pods_for
from trimtab.deployment.traffic.mirroring import mirror_problem, mirroring, needless_probe, wanted_mirror
from trimtab.deployment.traffic.provider import Problem, Provider, Wanted
from trimtab.deployment.traffic.routing import (
    Mirror,
    gateway_namespace,
    mirror_of,
    named_by,
    unconfirmed,
    weights_of,
)
from trimtab.deployment.traffic.sides import routable
from trimtab.model.kinds import GATEWAY, HTTP_ROUTE, SERVICE
from trimtab.model.plan import ChildWrite, Delete, delete_of

WHOLE = 100
Weights = Mapping[str, int]


class GatewayAPI(Provider):
    unit: Unit = "request"

    def first(self, observed: DeploymentObserved, candidate: Side) -> tuple[ChildWrite, ...]:
        """The first version; one that another first version left half ready answers until it is whole."""
        size = observed.spec.serving.replicas
        need = {candidate.revision: _floor(observed, candidate, size)}
        to = _allowed(observed, {candidate.revision: WHOLE}, need)
        front = first_traffic(observed, candidate)
        return _writes(observed, (candidate,), front, to)

    def back(self, observed: DeploymentObserved, stable: Side, floor: int) -> tuple[ChildWrite, ...]:
        to = _allowed(observed, *_all_to(observed, stable, floor))
        return _writes(observed, (stable,), traffic_back(observed, stable, floor), to)

    def split(
        self,
        observed: DeploymentObserved,
        status: DeploymentStatus,
        stable: Side,
        candidate: Side,
        share: Share,
    ) -> Wanted:
        replicas = capacity(observed.spec, status)
        target = pods(replicas, share.pods_share)
        shares = _shares(stable, candidate, share)
        need = {candidate.revision: target.candidate, stable.revision: pods_for(replicas, 100 - share.weight)}
        to = _allowed(observed, shares, need)
        if to != shares and not set(to or ()) <= set(need):
            # Somebody without a role still has traffic: it goes to stable, whatever the candidate does.
            to = _allowed(observed, *_all_to(observed, stable, replicas))
        front = traffic_back(observed, stable, replicas)
        mirror, asked = mirroring(observed, stable, candidate, share, may_begin=to == shares)
        moved = _writes(observed, (candidate, stable), front, to, candidate.revision, mirror=mirror)
        return Wanted(target, (*moved, *asked))

    def may_shrink(
        self,
        observed: DeploymentObserved,
        workload: WorkloadObserved,
        size: int,
        other: Side | None,
        other_size: int,
    ) -> bool:
        """To none: no weight, as confirmed for a while, and out of the front Service too. To fewer: what is
        left is enough for the weight that is confirmed."""
        weight = weights_of(observed.routing.route, observed.name).get(workload.revision, 0)
        if size == 0:
            drained = observed.routing.steady or not any(pod.ready for pod in workload.pods)
            named = workload.revision in named_by(observed.routing.route, observed.name)
            return not named and drained and workload.serving_pods == 0
        enough = pods_for(capacity(observed.spec, observed.status), weight) <= size
        return enough and (observed.routing.route is None or _confirmed(observed))

    def is_applied(self, observed: DeploymentObserved, want: Wanted, share: Share) -> bool:
        """The Gateway confirms the weights, and the candidate has its endpoints."""
        stable, candidate = observed.status.stable, observed.status.candidate
        if stable is None or candidate is None or not _confirmed(observed):
            return False
        there = weights_of(observed.routing.route, observed.name)
        copied = mirror_of(observed.routing.route, observed.name)
        return (
            there == _shares(stable, candidate, share)
            and copied == wanted_mirror(candidate, share)
            and routable(observed, candidate) >= want.pair.candidate
        )

    def may_promote(self, observed: DeploymentObserved, candidate: Side) -> bool:
        """The route gives it everything, and the Gateway confirms that."""
        there = weights_of(observed.routing.route, observed.name)
        return set(there) == {candidate.revision} and _confirmed(observed)

    def share(self, observed: DeploymentObserved) -> int:
        candidate = observed.status.candidate
        if candidate is None or not _confirmed(observed):
            return 0
        weights = weights_of(observed.routing.route, observed.name)
        return round(100 * weights.get(candidate.revision, 0) / max(1, sum(weights.values())))

    def share_text(self, share: Share, replicas: int) -> str:
        bearing = f"{pods(replicas, share.pods_share).candidate} candidate pods"
        if share.mirror:
            return f"{share.mirror} % of the requests mirrored: {bearing}, whose answers nobody gets"
        return f"weight {share.weight}: of the route, {bearing}"

    def obstacle(self, observed: DeploymentObserved) -> Problem | None:
        routing = observed.routing
        if not routing.served:
            text = (
                f"the API server has no {HTTP_ROUTE} v1: install the CRDs of the Gateway API and a "
                "Gateway controller, then restart the operator; or set traffic.provider: ReplicaRatio"
            )
            return Problem(Reason.PROVIDER_UNAVAILABLE, text)
        if routing.rival and observed.status.step is None and observed.status.rollback is None:
            text = f"{routing.rival}: remove it from traffic.hostnames here or there"
            return Problem(Reason.HOSTNAME_CONFLICT, text)
        return None

    def problem(self, observed: DeploymentObserved) -> Problem | None:
        reference = observed.spec.traffic.gateway_ref
        if reference is None:
            raise AssertionError("the schema asks for gatewayRef")
        where = f"{gateway_namespace(reference, observed.namespace)}/{reference.name}"
        if observed.routing.gateway is None and observed.routing.gateway_is_watched:
            return Problem(Reason.ROUTE_NOT_ACCEPTED, f"there is no {GATEWAY} {where}")
        said = unconfirmed(observed.routing.route, reference)
        if said is None:
            return mirror_problem(observed, reference)
        if said:
            return Problem(Reason.ROUTE_NOT_ACCEPTED, f"Gateway {where}: {said}")
        text = f"no controller of Gateway {where} has answered for the route yet"
        return Problem(Reason.ROUTE_NOT_ACCEPTED, text, answered=False)

    def leftovers(self, observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
        """The probe that was answered, and Services of revisions that have neither role, weight nor workload
        any more."""
        roles = {side.revision for side in (status.stable, status.candidate) if side is not None}
        named = [named_by(route, observed.name) for route in (observed.routing.route, observed.routing.probe)]
        used = roles.union(observed.workloads, *named)
        services = observed.routing.services
        needless = tuple(
            delete_of(SERVICE, services[revision]) for revision in sorted(services.keys() - used)
        )
        return (*needless_probe(observed, status), *needless)


def _confirmed(observed: DeploymentObserved) -> bool:
    """Whether the Gateway has taken the route as it is."""
    return GATEWAY_API.problem(observed) is None


def _shares(stable: Side, candidate: Side, share: Share) -> Weights:
    weights = {stable.revision: WHOLE - share.weight, candidate.revision: share.weight}
    return {revision: weight for revision, weight in weights.items() if weight > 0}


def _all_to(observed: DeploymentObserved, side: Side, floor: int) -> tuple[Weights, Weights]:
    return {side.revision: WHOLE}, {side.revision: _floor(observed, side, floor)}


def _floor(observed: DeploymentObserved, side: Side, floor: int) -> int:
    """Endpoints that a side must have to get everything: as many as answer now, at most ``floor``. One is
    better than none, where nobody answers."""
    weighted = weights_of(observed.routing.route, observed.name)
    answering = sum(_endpoints(observed, revision) for revision in weighted)
    return max(1, min(floor, answering))


def _allowed(observed: DeploymentObserved, wanted: Weights, need: Weights) -> Weights | None:
    """The weights to write: the wanted ones, if each that rises has the endpoints for it; else those there
    are. None: there is no route yet, and there may be none."""
    there = weights_of(observed.routing.route, observed.name)
    rising = [revision for revision, weight in wanted.items() if weight > there.get(revision, 0)]
    if all(_endpoints(observed, revision) >= max(1, need[revision]) for revision in rising):
        return wanted
    return there or None


def _endpoints(observed: DeploymentObserved, revision: str) -> int:
    workload = observed.workloads.get(revision)
    return workload.routable_pods if workload else 0


def _writes(
    observed: DeploymentObserved,
    sides: tuple[Side, ...],
    front: Traffic,
    to: Weights | None,
    candidate: str = "",
    *,
    mirror: Mirror | None = None,
) -> tuple[ChildWrite, ...]:
    """Services first: a route that names one which is not there is refused by the Gateway."""
    services = [
        revision_service(observed, side.revision) for side in sides if side.revision in observed.records
    ]
    moved = build.front_service(observed, None if front.both else front.revision)
    return (*services, moved, *([route(observed, to, candidate, mirror)] if to is not None else []))


GATEWAY_API = GatewayAPI()
