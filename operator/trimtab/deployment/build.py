"""Builds what a Deployment owns: one workload per revision and one front Service. Desired fields only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.deployment.observed import DeploymentObserved, RevisionRecord
from trimtab.deployment.runtimes import PORT
from trimtab.model import names
from trimtab.model.kinds import DEPLOYMENT, SERVICE, WORKLOAD
from trimtab.model.plan import Apply, controller_reference

SERVICE_PORT = 80


def workload(observed: DeploymentObserved, record: RevisionRecord) -> Apply:
    """The apps/v1 Deployment of a revision, from its frozen record; replicas are set apart, through
    /scale."""
    labels = dict(record.template["metadata"]["labels"])
    known = observed.workloads.get(record.revision)
    body = {
        "apiVersion": WORKLOAD.api_version,
        "kind": WORKLOAD.name,
        "metadata": {
            "name": names.workload(observed.name, record.revision),
            "namespace": observed.namespace,
            "labels": labels,
            "ownerReferences": [controller_reference(observed.body, DEPLOYMENT)],
        },
        "spec": {
            "selector": {"matchLabels": names.revision_selector(observed.name, record.revision)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": record.template,
        },
    }
    return Apply(WORKLOAD, body, known.body if known else None)


def front_service(observed: DeploymentObserved, revision: str | None) -> Apply:
    """The one Service that clients use; its selector is the only one that ever moves.

    ``revision`` None: all pods of the Deployment, of whatever revision.
    """
    selector = {names.LABEL_DEPLOYMENT: observed.name}
    if revision is not None:
        selector = names.revision_selector(observed.name, revision)
    body: dict[str, Any] = {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.name,
        "metadata": {
            "name": observed.name,
            "namespace": observed.namespace,
            "labels": {
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_DEPLOYMENT: observed.name,
                names.LABEL_MODEL: observed.spec.model.name,
            },
            "ownerReferences": [controller_reference(observed.body, DEPLOYMENT)],
        },
        "spec": {
            "selector": selector,
            "ports": service_ports(),
        },
    }
    return Apply(SERVICE, body, observed.service)


def service_ports() -> list[dict[str, Any]]:
    return [{"name": "http", "port": SERVICE_PORT, "targetPort": PORT, "protocol": "TCP"}]


def selects_both(service: Mapping[str, Any]) -> bool:
    """Whether the front Service selects pods of every revision."""
    return selected_revision(service) is None


def selected_revision(service: Mapping[str, Any]) -> str | None:
    """The one revision whose pods the front Service selects; None = those of every revision."""
    revision: str | None = service["spec"].get("selector", {}).get(names.LABEL_REVISION)
    return revision
