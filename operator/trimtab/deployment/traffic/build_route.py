"""Builds what a Deployment with a Gateway owns beside its pods: Services of revisions, one HTTPRoute, and
before a shadow step the one that asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.deployment.build import service_ports
from trimtab.deployment.observed import DeploymentObserved
from trimtab.deployment.traffic.route_rules import probe_rules, rules_of
from trimtab.deployment.traffic.routing import Mirror
from trimtab.model import names
from trimtab.model.kinds import DEPLOYMENT, GATEWAY, HTTP_ROUTE, SERVICE
from trimtab.model.plan import Apply, controller_reference

Json = dict[str, Any]


def revision_service(observed: DeploymentObserved, revision: str) -> Apply:
    """The Service of one revision; its selector never moves."""
    body = {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.name,
        "metadata": {
            "name": names.workload(observed.name, revision),
            "namespace": observed.namespace,
            "labels": names.serving_labels(observed.name, observed.spec.model.name, revision),
            "ownerReferences": [controller_reference(observed.body, DEPLOYMENT)],
        },
        "spec": {
            "selector": names.revision_selector(observed.name, revision),
            "ports": service_ports(),
        },
    }
    return Apply(SERVICE, body, observed.routing.services.get(revision))


def route(
    observed: DeploymentObserved,
    weights: Mapping[str, int],
    candidate: str = "",
    mirror: Mirror | None = None,
) -> Apply:
    """The HTTPRoute with these weights, for every path of the hostnames; headers may choose ``candidate``."""
    rules = rules_of(observed.name, observed.spec.traffic, weights, candidate, mirror)
    return _route(observed, observed.name, rules, observed.routing.route)


def probe(observed: DeploymentObserved, stable: str, mirror: Mirror) -> Apply:
    """Asks the Gateway whether it copies requests, by a route that no request matches: a controller that
    does not may refuse the whole of a route with such a filter, and clients would get errors."""
    rules = probe_rules(observed.name, observed.uid, stable, mirror)
    return _route(observed, names.probe_route(observed.name), rules, observed.routing.probe)


def _route(
    observed: DeploymentObserved, name: str, rules: list[Json], known: Mapping[str, Any] | None
) -> Apply:
    traffic = observed.spec.traffic
    body = {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.name,
        "metadata": {
            "name": name,
            "namespace": observed.namespace,
            "labels": {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_DEPLOYMENT: observed.name,
                names.LABEL_MODEL: observed.spec.model.name,
            },
            "ownerReferences": [controller_reference(observed.body, DEPLOYMENT)],
        },
        "spec": {
            "parentRefs": [_parent(observed)],
            "hostnames": list(traffic.hostnames),
            "rules": rules,
        },
    }
    return Apply(HTTP_ROUTE, body, known)


def _parent(observed: DeploymentObserved) -> Json:
    reference = observed.spec.traffic.gateway_ref
    if reference is None:
        raise AssertionError("the schema asks for gatewayRef")
    optional = {"namespace": reference.namespace, "sectionName": reference.section_name}
    return {
        "group": GATEWAY.group,
        "kind": GATEWAY.name,
        "name": reference.name,
        **{key: value for key, value in optional.items() if value is not None},
    }
