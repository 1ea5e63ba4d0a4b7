"""What the Gateway API says of a Deployment: its HTTPRoute, the Gateway, the Services of its revisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.apis.v1alpha1.traffic import GatewayReference
from trimtab.model.names import revision_of_child

Body = Mapping[str, Any]

STEADY_SECONDS = 5.0
"""How long a data plane may lag behind the status that it writes: Traefik gathers changes for 2 s."""
ASKED = ("Accepted", "ResolvedRefs")
MIRROR = "RequestMirror"


@dataclass(frozen=True)
class Routing:
    """As cached. ``served``: the API server has the kinds of the Gateway API.

    ``gateway_is_watched``: it lies in a namespace that is watched, so that its absence means something.
    ``rival``: an older Deployment that claims one of our hostnames on our Gateway, and which one.
    ``probe``: the route that asks whether the Gateway copies requests.
    ``classes``: the GatewayClasses that there are; None: they were not asked for, as nothing is to be copied,
    or could not be read, which ``classes_problem`` says.
    ``steady_in_seconds``: until the route will have been confirmed for STEADY_SECONDS, 0 = it has been; None:
    it is not confirmed. ``services``: of revisions, by revision.
    """

    served: bool = False
    gateway: Body | None = None
    gateway_is_watched: bool = False
    route: Body | None = None
    probe: Body | None = None
    classes: tuple[Body, ...] | None = None
    classes_problem: str = ""
    services: Mapping[str, Body] = field(default_factory=dict)
    rival: str = ""
    steady_in_seconds: float | None = None

    @property
    def steady(self) -> bool:
        return self.steady_in_seconds == 0

    @property
    def wake_seconds(self) -> float | None:
        """When to look again though nothing was heard; None: there is nothing to wait for."""
        return self.steady_in_seconds or None


def weights_of(route: Body | None, deployment: str) -> dict[str, int]:
    """The weight of each revision that the route's spec gives traffic to, headers aside."""
    weights: dict[str, int] = {}
    for rule in (route or {}).get("spec", {}).get("rules", ()):
        if any("headers" in match for match in rule.get("matches", ())):
            continue
        for backend in rule.get("backendRefs", ()):
            revision, weight = revision_of_child(deployment, backend["name"]), int(backend.get("weight", 1))
            if revision and weight:
                weights[revision] = weights.get(revision, 0) + weight
    return weights


@dataclass(frozen=True)
class Mirror:
    """Copies of ``percent`` of the requests, for a revision."""

    revision: str
    percent: int


def mirror_of(route: Body | None, deployment: str) -> Mirror | None:
    """What the route's spec copies, and to whom. A filter without a percentage copies every request."""
    for copied in _mirrors(route):
        revision = revision_of_child(deployment, copied["backendRef"]["name"])
        return Mirror(revision, int(copied.get("percent", 100)))
    return None


def named_by(route: Body | None, deployment: str) -> set[str]:
    """Every revision that some request, or a copy of one, may get to by the route's spec."""
    answering = {
        revision_of_child(deployment, backend["name"])
        for rule in (route or {}).get("spec", {}).get("rules", ())
        for backend in rule.get("backendRefs", ())
        if int(backend.get("weight", 1))
    }
    return answering | {revision_of_child(deployment, copy["backendRef"]["name"]) for copy in _mirrors(route)}


def _mirrors(route: Body | None) -> list[Body]:
    return [
        each["requestMirror"]
        for rule in (route or {}).get("spec", {}).get("rules", ())
        for each in rule.get("filters", ())
        if each.get("type") == MIRROR
    ]


def gateway_namespace(reference: GatewayReference, own: str) -> str:
    return reference.namespace or own


def unconfirmed(route: Body | None, reference: GatewayReference) -> str | None:
    """Why the route is not known to be in effect, in the Gateway's own words; None = it is.

    In effect: every entry about our Gateway, by whatever controller, has Accepted and ResolvedRefs True for
    the route's generation. An empty text: there is no answer yet.
    """
    if route is None:
        return ""
    namespace = route["metadata"]["namespace"]
    parents = [
        parent
        for parent in route.get("status", {}).get("parents", ())
        if _is_ours(parent["parentRef"], reference, namespace)
    ]
    if not parents:
        return ""
    problems = [_problem(parent, int(route["metadata"]["generation"])) for parent in parents]
    said = [problem for problem in problems if problem is not None]
    return None if not said else next((problem for problem in said if problem), "")


def controllers_of(route: Body | None, reference: GatewayReference) -> frozenset[str]:
    """Who answers about our Gateway for the route."""
    if route is None:
        return frozenset()
    namespace = route["metadata"]["namespace"]
    return frozenset(
        parent["controllerName"]
        for parent in route.get("status", {}).get("parents", ())
        if _is_ours(parent["parentRef"], reference, namespace)
    )


def _is_ours(parent: Body, reference: GatewayReference, namespace: str) -> bool:
    return (
        parent["name"] == reference.name
        and parent.get("namespace", namespace) == gateway_namespace(reference, namespace)
        and parent.get("sectionName") in (None, reference.section_name)
    )


def _problem(parent: Body, generation: int) -> str | None:
    """None: confirmed. Empty: not answered for this generation. Else what the controller says against it."""
    conditions = {c["type"]: c for c in parent.get("conditions", ())}
    for type_ in ASKED:
        condition = conditions.get(type_)
        if condition is None or condition.get("observedGeneration", 0) < generation:
            return ""
        if condition["status"] != "True":
            said = condition.get("message") or condition.get("reason", "")
            return f"{parent['controllerName']}: {type_} is {condition['status']}: {said}"
    return None
