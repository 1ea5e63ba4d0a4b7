"""How many pods all of the traffic takes: `serving.replicas`, or with autoscaling what the load asks for.

With autoscaling that number is latched in status when a step begins: a candidate that gets its share of it
would otherwise raise the sum that its share is of. A side never has fewer than `serving.replicas` for all of
the traffic, nor more than `autoscaling.maxReplicas`.
"""

from __future__ import annotations

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus


def ceiling(spec: DeploymentSpec) -> int:
    """Pods that a side may have at most."""
    autoscaling = spec.serving.autoscaling
    return autoscaling.max_replicas if autoscaling else spec.serving.replicas


def within(spec: DeploymentSpec, pods: int) -> int:
    """The number nearest to ``pods`` that a side with all of the traffic may have."""
    return max(spec.serving.replicas, min(pods, ceiling(spec)))


def capacity(spec: DeploymentSpec, status: DeploymentStatus) -> int:
    """Pods that all of the traffic takes in this step."""
    latched = status.step.pods if status.step else None
    return spec.serving.replicas if latched is None else within(spec, latched)
