"""Reads what the Gateway API says of a Deployment from the cache; remembers since when it is confirmed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from trimtab.apis.v1alpha1.deployment import Deployment
from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client, Refused
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.traffic.mirroring import is_to_begin
from trimtab.deployment.traffic.routing import STEADY_SECONDS, Routing, gateway_namespace, unconfirmed
from trimtab.model import names
from trimtab.model.kinds import DEPLOYMENT, GATEWAY, GATEWAY_CLASS, HTTP_ROUTE
from trimtab.runtime.observe_workloads import services_of

Object = Mapping[str, Any]
BY_GATEWAY = "GatewayAPI"


class RoutingObserver:
    """``served``: the API server had the kinds of the Gateway API when the operator started.

    A process that begins anew knows nothing of before, and waits once more: never too short.
    """

    def __init__(self, client: Client, cache: Cache, *, served: bool, scopes: Iterable[str | None]) -> None:
        self._client = client
        self._cache = cache
        self._served = served
        self._scopes = frozenset(scopes)
        self._confirmed: dict[str, tuple[int, float]] = {}

    def of(self, obj: Object, deployment: Deployment) -> Routing:
        uid = obj["metadata"]["uid"]
        routes = {one["metadata"]["name"]: one for one in self._cache.owned_by(uid, HTTP_ROUTE)}
        name = obj["metadata"]["name"]
        route, probe = routes.get(name), routes.get(names.probe_route(name))
        services = services_of(self._cache, uid)
        reference = deployment.spec.traffic.gateway_ref
        if reference is None:
            return Routing(served=self._served, route=route, probe=probe, services=services)
        namespace = gateway_namespace(reference, obj["metadata"]["namespace"])
        confirmed = route is not None and unconfirmed(route, reference) is None
        return Routing(
            served=self._served,
            gateway=self._cache.get(GATEWAY, namespace, reference.name),
            gateway_is_watched=bool({None, namespace} & self._scopes),
            route=route,
            probe=probe,
            services=services,
            rival=_rival(obj, self._cache),
            steady_in_seconds=self._steady_in_seconds(uid, route, confirmed=confirmed),
        )

    def _steady_in_seconds(self, uid: str, route: Object | None, *, confirmed: bool) -> float | None:
        """Until this generation of the route has been confirmed for long enough; None: it is not."""
        if route is None or not confirmed:
            self._confirmed.pop(uid, None)
            return None
        generation = int(route["metadata"]["generation"])
        known = self._confirmed.get(uid)
        if known is None or known[0] != generation:
            known = self._confirmed[uid] = (generation, time.monotonic())
        return max(0.0, STEADY_SECONDS - (time.monotonic() - known[1]))

    async def with_classes(self, observed: DeploymentObserved) -> DeploymentObserved:
        """With what GatewayClasses say, where requests are about to be copied: a few times per rollout, so it
        is read live."""
        if not is_to_begin(observed):
            return observed
        try:
            classes = tuple(await self._client.list(GATEWAY_CLASS, None))
        except Refused as error:
            problem = (
                f"the operator may not list {GATEWAY_CLASS} ({error}); set gatewayClasses.read of the chart"
            )
            return replace(observed, routing=replace(observed.routing, classes_problem=problem))
        return replace(observed, routing=replace(observed.routing, classes=classes))


def sharing(obj: Object, cache: Cache) -> list[Object]:
    """Other Deployments that claim one of its hostnames at its Gateway."""
    own, claims = obj["metadata"]["uid"], _claims(obj)
    found = {
        other["metadata"]["uid"]: other
        for *_, hostname in claims
        for other in cache.of_hostname(DEPLOYMENT, hostname)
        if claims & _claims(other)
    }
    return [other for uid, other in sorted(found.items()) if uid != own]


def _rival(obj: Object, cache: Cache) -> str:
    """The older Deployment that has a hostname of ours, in words; the elder keeps it."""
    elders = [other for other in sharing(obj, cache) if _age(other) < _age(obj)]
    if not elders:
        return ""
    elder = min(elders, key=_age)
    meta = elder["metadata"]
    hostname = min(name for *_, name in _claims(obj) & _claims(elder))
    return f"{hostname} belongs to the older Deployment {meta['namespace']}/{meta['name']} at this Gateway"


def _age(obj: Object) -> tuple[str, str]:
    """Of two that are made in the same second the Gateway API prefers the name that sorts first."""
    meta = obj["metadata"]
    return meta.get("creationTimestamp", ""), f"{meta['namespace']}/{meta['name']}"


def _claims(obj: Object) -> frozenset[tuple[str, str, str]]:
    """(namespace of the Gateway, its name, hostname)."""
    traffic = obj.get("spec", {}).get("traffic", {})
    reference = traffic.get("gatewayRef")
    if traffic.get("provider") != BY_GATEWAY or not reference:
        return frozenset()
    namespace = reference.get("namespace", obj["metadata"]["namespace"])
    return frozenset((namespace, reference["name"], hostname) for hostname in traffic.get("hostnames", ()))
