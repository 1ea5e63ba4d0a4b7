"""Copies of requests for the candidate: asked for beside the traffic, then on the route of the clients.

A controller that knows no RequestMirror may refuse all of a route that has one, or accept it and answer its
requests with 500, as Traefik does. So the route of the clients is touched when nothing speaks against it: the
GatewayClass, where it lists what its controller supports, and a route of our own that no request matches.
"""

from __future__ import annotations

from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.apis.v1alpha1.traffic import GatewayReference
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.reasons import Reason
from trimtab.deployment.steps import Share, position
from trimtab.deployment.traffic.build_route import probe
from trimtab.deployment.traffic.capacity import capacity
from trimtab.deployment.traffic.gateway_pods import pods_for
from trimtab.deployment.traffic.provider import Problem
from trimtab.deployment.traffic.routing import (
    MIRROR,
    Mirror,
    controllers_of,
    gateway_namespace,
    mirror_of,
    unconfirmed,
)
from trimtab.deployment.traffic.sides import routable
from trimtab.model.kinds import GATEWAY_CLASS, HTTP_ROUTE
from trimtab.model.plan import Apply, Delete, delete_of

WHOLE = 100
_REMEDY = f"remove the shadow steps, or use a Gateway whose controller supports {MIRROR}"


def wanted_mirror(candidate: Side, share: Share) -> Mirror | None:
    return Mirror(candidate.revision, share.mirror) if share.mirror else None


def is_to_begin(observed: DeploymentObserved) -> bool:
    """Whether the step copies requests, and the route does not yet."""
    return _copied(observed) is None and _percent(observed, observed.status) > 0


def mirroring(
    observed: DeploymentObserved, stable: Side, candidate: Side, share: Share, *, may_begin: bool
) -> tuple[Mirror | None, tuple[Apply, ...]]:
    """What the route is to copy now, and the question whether it may. Copies begin when the candidate has the
    pods for them, ``may_begin`` (stable has all the weight), and nothing speaks against it."""
    wanted, there = wanted_mirror(candidate, share), _copied(observed)
    if wanted is None or (there is not None and there.revision == wanted.revision):
        return wanted, ()
    if observed.routing.classes is None or _unsupported(observed):
        return None, ()
    pods = pods_for(capacity(observed.spec, observed.status), share.mirror)
    begins = may_begin and routable(observed, candidate) >= pods and _is_agreed(observed, wanted)
    return (wanted if begins else None), (probe(observed, stable.revision, wanted),)


def mirror_problem(observed: DeploymentObserved, reference: GatewayReference) -> Problem | None:
    """Why requests are not copied, though asked for."""
    if not is_to_begin(observed):
        return None
    where = f"Gateway {gateway_namespace(reference, observed.namespace)}/{reference.name}"
    against = observed.routing.classes_problem or _unsupported(observed) or _lost_percent(observed)
    if against:
        text = f"{where} is not asked to copy requests: {against}"
        return Problem(Reason.MIRROR_NOT_ACCEPTED, text, lasting=True)
    said = unconfirmed(observed.routing.probe, reference)
    if said:
        text = f"{where} copies no requests: {said}; {_REMEDY}"
        return Problem(Reason.MIRROR_NOT_ACCEPTED, text, lasting=True)
    if said is None:
        return None
    text = f"no controller of {where} has said yet whether it copies requests"
    return Problem(Reason.MIRROR_NOT_ACCEPTED, text, answered=False)


def needless_probe(observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
    asked = observed.routing.probe
    if asked is None or "deletionTimestamp" in asked["metadata"]:
        return ()
    is_answered = _copied(observed) is not None
    return (delete_of(HTTP_ROUTE, asked),) if is_answered or not _percent(observed, status) else ()


def _copied(observed: DeploymentObserved) -> Mirror | None:
    """What the route copies at the Gateway of the spec: another one has not been asked."""
    route, reference = observed.routing.route, observed.spec.traffic.gateway_ref
    parents = (route or {}).get("spec", {}).get("parentRefs", ())
    at = {(parent["name"], parent.get("namespace")) for parent in parents}
    if reference is None or at != {(reference.name, reference.namespace)}:
        return None
    return mirror_of(route, observed.name)


def _percent(observed: DeploymentObserved, status: DeploymentStatus) -> int:
    """What the step of ``status`` copies."""
    if status.candidate is None or status.step is None or status.abort is not None:
        return 0
    return position(observed.spec.rollout.steps, status.step).share.mirror


def _is_agreed(observed: DeploymentObserved, wanted: Mirror) -> bool:
    """Whether the Gateway has accepted to copy for this candidate, as asked."""
    asked, reference = observed.routing.probe, observed.spec.traffic.gateway_ref
    if asked is None or reference is None or mirror_of(asked, observed.name) != wanted:
        return False
    return unconfirmed(asked, reference) is None


def _unsupported(observed: DeploymentObserved) -> str:
    """What a GatewayClass of our Gateway's controller leaves out; empty if it lists nothing at all."""
    reference = observed.spec.traffic.gateway_ref
    if reference is None:
        return ""
    part = "Percentage" if _percent(observed, observed.status) < WHOLE else ""
    feature = f"HTTPRouteRequest{part}Mirror"
    controllers = controllers_of(observed.routing.route, reference)
    for each in observed.routing.classes or ():
        listed = [one["name"] for one in each.get("status", {}).get("supportedFeatures", ())]
        if each["spec"]["controllerName"] in controllers and listed and feature not in listed:
            name = each["metadata"]["name"]
            return f"{GATEWAY_CLASS} {name} does not list {feature} as supported; {_REMEDY}"
    return ""


def _lost_percent(observed: DeploymentObserved) -> str:
    """Older kinds of HTTPRoute know no percentage, and would copy every request."""
    there = mirror_of(observed.routing.probe, observed.name)
    if there is None or there.percent < WHOLE or _percent(observed, observed.status) == WHOLE:
        return ""
    return (
        f"the {HTTP_ROUTE} of this cluster has no percentage for {MIRROR}; install the CRDs of Gateway API "
        "v1.3 or newer, or ask for percent: 100"
    )
