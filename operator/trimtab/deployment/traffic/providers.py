"""The provider that a Deployment's spec names."""

from __future__ import annotations

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.deployment.traffic.by_pods import ReplicaRatio
from trimtab.deployment.traffic.provider import Provider

REPLICA_RATIO = ReplicaRatio()


def provider_of(spec: DeploymentSpec) -> Provider:
    """ReplicaRatio is the only one."""
    match spec.traffic.provider:
        case "ReplicaRatio":
            return REPLICA_RATIO
