"""The provider that a Deployment's spec names."""

from __future__ import annotations

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.deployment.traffic.by_pods import ReplicaRatio
from trimtab.deployment.traffic.by_route import GATEWAY_API
from trimtab.deployment.traffic.provider import Provider

REPLICA_RATIO = ReplicaRatio()


def provider_of(spec: DeploymentSpec) -> Provider:
    """Providers keep nothing: there is one of each."""
    match spec.traffic.provider:
        case "ReplicaRatio":
            return REPLICA_RATIO
        case "GatewayAPI":
            return GATEWAY_API
