"""The small world with a Gateway: a data plane that takes the route late, and refuses it when told to.

It checks at each write what the data plane could do with it: no weight for a revision without endpoints,
no pods taken away from one that the data plane still sends requests to, no copies that nobody has agreed to.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.unit.operator.deployment_world import Refused, Workload, World

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.apis.v1alpha1.traffic import GatewayReference
from trimtab.deployment.observed import DeploymentObserved, VersionObserved, WorkloadObserved
from trimtab.deployment.traffic.gateway_pods import pods_for
from trimtab.deployment.traffic.routing import (
    STEADY_SECONDS,
    Routing,
    mirror_of,
    named_by,
    unconfirmed,
    weights_of,
)
from trimtab.model import names
from trimtab.model.kinds import AUTOSCALER, HTTP_ROUTE, SERVICE
from trimtab.model.plan import Apply, Delete, Scale, controller_uid

TRAFFIC: dict[str, Any] = {
    "provider": "GatewayAPI",
    "gatewayRef": {"name": "edge"},
    "hostnames": ["churn.example"],
    "testers": {"header": "x-beta", "value": "yes"},
    "sticky": {"header": "x-user"},
}


EDGE = GatewayReference(name="edge")
PROBE = names.probe_route("churn")


class GatewayWorld(World):
    def __init__(self, spec: DeploymentSpec, versions: tuple[VersionObserved, ...]) -> None:
        super().__init__(spec, versions)
        self.http_route: dict[str, Any] | None = None
        self.probe: dict[str, Any] | None = None
        self.copies_nothing = ""
        self.classes: list[dict[str, Any]] = []
        self.services: dict[str, dict[str, Any]] = {}
        self.autoscalers: dict[str, dict[str, Any]] = {}
        self.behind: set[str] = set()
        self.data_plane: dict[str, int] = {}
        self.refuses = ""
        self.edited = False
        self._confirmed_at: datetime | None = None

    def observe(self) -> DeploymentObserved:
        since = self._confirmed_at
        routing = Routing(
            served=True,
            gateway={},
            gateway_is_watched=True,
            route=self.http_route,
            probe=self.probe,
            classes=tuple(self.classes),
            services=dict(self.services),
            steady_in_seconds=None
            if since is None
            else max(0.0, STEADY_SECONDS - (self.now - since).total_seconds()),
        )
        return replace(super().observe(), routing=routing, autoscalers=dict(self.autoscalers))

    def _observe(self, workload: Workload) -> WorkloadObserved:
        seen = super()._observe(workload)
        pods = tuple(replace(pod, routable=pod.name in self.behind) for pod in seen.pods)
        return replace(seen, pods=pods)

    @property
    def weights(self) -> dict[str, int]:
        return weights_of(self.http_route, "churn")

    # --- what the API server takes -------------------------------------------------------------------------

    def _carry_out(self, write: Any) -> None:
        match write:
            case Apply(kind=kind, body=body) if kind is HTTP_ROUTE and body["metadata"]["name"] == PROBE:
                self.probe = self._route_of(write, self.probe)
            case Apply(kind=kind) if kind is HTTP_ROUTE:
                self._apply_route(write)
            case Apply(kind=kind, body=body) if kind is SERVICE and body["metadata"]["name"] != "churn":
                self._apply_revision_service(write)
            case Apply(kind=kind) if kind is AUTOSCALER:
                revision = write.body["metadata"]["labels"][names.LABEL_REVISION]
                self.autoscalers[revision] = self._stored(write, self.autoscalers.get(revision))
            case Delete(kind=kind, name=name) if kind is AUTOSCALER:
                del self.autoscalers[name.removeprefix("churn-")]
            case Delete(kind=kind) if kind is SERVICE:
                self._delete_service(write)
            case Delete(kind=kind, name=name) if kind is HTTP_ROUTE and name == PROBE:
                self.probe = None
            case Delete(kind=kind) if kind is HTTP_ROUTE:
                self.http_route = None
            case _:
                super()._carry_out(write)

    def _apply_route(self, apply: Apply) -> None:
        before, copied = self.weights, mirror_of(self.http_route, "churn")
        self.http_route = self._route_of(apply, self.http_route)
        self._confirmed_at = None
        mirror = mirror_of(self.http_route, "churn")
        copies = {mirror.revision} if mirror else set()
        assert named_by(self.http_route, "churn") - copies <= self.weights.keys(), (
            "a header leads where no weight does"
        )
        if mirror and not (copied and copied.revision == mirror.revision):
            assert unconfirmed(self.probe, EDGE) is None, "copies that no Gateway has agreed to"
            assert any(pod.name in self.behind for pod in self.workloads[mirror.revision].pods)
        assert not (copies & self.weights.keys()), "what is counted must be copies or answers, not both"
        for revision, weight in self.weights.items():
            if weight > before.get(revision, 0) and not self.pods_fail:
                self._assert_has_endpoints(revision, weight)
        assert sum(self.weights.values()) in (0, 100) or self.edited

    def _route_of(self, apply: Apply, before: dict[str, Any] | None) -> dict[str, Any]:
        """As stored: a generation more, and nobody has answered for it."""
        stored = self._stored(apply, before)
        known = before or {"metadata": {"generation": 0}, "status": {}}
        meta = {**stored["metadata"], "generation": known["metadata"]["generation"] + 1}
        return {**stored, "metadata": meta, "status": known["status"]}

    def _assert_has_endpoints(self, revision: str, weight: int) -> None:
        there = sum(pod.name in self.behind for pod in self.workloads[revision].pods)
        assert there > 0, f"weight {weight} for {revision}, which has no ready endpoint"
        assert revision in self.services, "the route names a Service that is not there"
        pods = (self.status.get("step") or {}).get("pods")
        if pods and self.spec.serving.autoscaling and revision in self.autoscalers and weight < 100:
            fewest = self.autoscalers[revision]["spec"]["minReplicas"]
            assert fewest >= pods_for(pods, weight), "a weight rises before the fewest pods for it"

    def _apply_revision_service(self, apply: Apply) -> None:
        revision = apply.body["spec"]["selector"][names.LABEL_REVISION]
        known = self.services.get(revision)
        self.services[revision] = self._stored(apply, known)
        if known is not None:
            assert known["spec"]["selector"] == apply.body["spec"]["selector"], (
                "a Service is pointed elsewhere"
            )

    def _delete_service(self, deletion: Delete) -> None:
        found = [r for r, s in self.services.items() if s["metadata"]["name"] == deletion.name]
        if not found:
            raise Refused
        assert self.edited or found[0] not in self.data_plane, "a Service is removed under its traffic"
        del self.services[found[0]]

    def _scale(self, scale: Scale) -> None:
        workload = self._guarded(scale.known)
        if workload.revision in self.autoscalers:
            assert scale.replicas > workload.replicas, "pods are taken away from an autoscaler"
        weight = self.data_plane.get(workload.revision, 0)
        answers = any(pod.name in self.behind for pod in workload.pods)
        if weight and answers and not (self.edited or self.pods_fail):
            assert scale.replicas >= min(workload.replicas, pods_for(self.spec.serving.replicas, weight)), (
                f"{workload.revision} shrinks to {scale.replicas} pods under a weight of {weight}"
            )
        super()._scale(scale)

    def _check_third(self, after: DeploymentStatus) -> None:
        """A revision without a role may have pods: no route names it."""

    # --- what others do ------------------------------------------------------------------------------------

    def control(self, *, ready: bool) -> None:
        super().control(ready=ready)
        self.behind &= {pod.name for w in self.workloads.values() for pod in w.pods}
        owners = {w.body["metadata"]["uid"] for w in self.workloads.values()}
        self.autoscalers = {r: a for r, a in self.autoscalers.items() if controller_uid(a) in owners}

    def load(self, pods: int) -> None:
        """The autoscalers of all sides want so many pods, and set what they may."""
        for revision, autoscaler in self.autoscalers.items():
            workload, spec = self.workloads.get(revision), autoscaler["spec"]
            wanted = max(spec["minReplicas"], min(pods, spec["maxReplicas"]))
            if workload is not None and workload.replicas not in (0, wanted):
                workload.replicas, workload.generation = wanted, workload.generation + 1
                self._touch(workload)

    def route(self) -> None:
        """Endpoints follow; the data plane takes the route, or says why it does not."""
        super().route()
        self.behind = {
            pod.name for r, w in self.workloads.items() if r in self.services for pod in w.pods if pod.ready
        }
        if self.probe is not None:
            self.probe = self._answered(self.probe, self.refuses or self.copies_nothing)
        if self.http_route is None:
            self.data_plane = {}
            return
        if not self.refuses:
            self.data_plane = self.weights
        self.http_route = self._answered(self.http_route, self.refuses)
        self._confirmed_at = None if self.refuses else self._confirmed_at or self.now

    def _answered(self, route: dict[str, Any], refusal: str) -> dict[str, Any]:
        generation = route["metadata"]["generation"]
        status = "False" if refusal else "True"
        conditions = [
            {"type": type_, "status": status, "observedGeneration": generation, "message": refusal}
            for type_ in ("Accepted", "ResolvedRefs")
        ]
        parent = {"parentRef": {"name": "edge"}, "controllerName": "played", "conditions": conditions}
        answered = {"parents": [parent]}
        if route["status"] == answered:
            return route
        self._number += 1
        meta = {**route["metadata"], "resourceVersion": str(self._number)}
        return {**route, "metadata": meta, "status": answered}

    def edit_route(self, weights: dict[str, int]) -> None:
        """Somebody else writes other weights."""
        if self.http_route is None:
            return
        self._number += 1
        backends = [{"name": f"churn-{r}", "weight": weight} for r, weight in weights.items()]
        meta = self.http_route["metadata"]
        meta = {**meta, "resourceVersion": str(self._number), "generation": meta["generation"] + 1}
        rules = [{"backendRefs": backends}]
        self.http_route = {**self.http_route, "metadata": meta, "spec": {"rules": rules}}
        self._confirmed_at, self.edited = None, True
