"""Cases for what a Deployment serves, and in which pods."""

from __future__ import annotations

from tests.apiserver.cel_case import QUALIFIED_NAMES, Case, deployment, serving_toleration
from tests.apiserver.samples import ABSENT, DIGEST

MODEL = "spec.model"
ENV = "spec.serving.env"
RESOURCES = "spec.serving.resources"

IDENTITY = (
    deployment(
        "",
        "metadata.name may have at most 40 characters: Jobs and pods are named after it",
        accepted={"metadata.name": "n" * 40},
        refused={"metadata.name": "n" * 41},
    ),
    Case(
        "Deployment",
        "",
        "model.name cannot change: create a new Deployment",
        accepted={"spec.model.version": 4},
        refused={"spec.model.name": "trains"},
        stored={},
    ),
    deployment(
        MODEL,
        "give either version (a pin) or follow: Approved, not both and not neither",
        accepted={MODEL: {"name": "flights", "follow": "Approved"}},
        refused={MODEL: {"name": "flights", "follow": "Approved", "version": 3}},
    ),
    deployment(
        MODEL,
        "digest belongs to a pinned version: add version, or remove digest",
        accepted={"spec.model.digest": ABSENT},
        refused={MODEL: {"name": "flights", "follow": "Approved", "digest": DIGEST}},
    ),
)

PODS = (
    deployment(
        RESOURCES,
        "a request may not be greater than the limit of the same resource",
        accepted={RESOURCES: {"requests": {"memory": "1Gi"}, "limits": {"memory": "1024Mi"}}},
        refused={RESOURCES: {"requests": {"memory": "1Gi"}, "limits": {"memory": "1023Mi"}}},
    ),
    deployment(
        f"{RESOURCES}.requests",
        QUALIFIED_NAMES,
        accepted={f"{RESOURCES}.requests": {"nvidia.com/gpu": 1}},
        refused={f"{RESOURCES}.requests": {"a b": 1}},
    ),
    deployment(
        f"{RESOURCES}.limits",
        QUALIFIED_NAMES,
        accepted={f"{RESOURCES}.limits": {"ephemeral-storage": "1G"}},
        refused={f"{RESOURCES}.limits": {"-memory": "1Gi"}},
    ),
    deployment(
        f"{ENV}[]",
        "names that start with TRIMTAB_ are reserved: rename it",
        accepted={ENV: [{"name": "TRIM"}]},
        refused={ENV: [{"name": "TRIMTAB_CONFIG"}]},
    ),
    deployment(
        f"{ENV}[]",
        "$(params.<name>) works in trial.args only: move it from trial.env there",
        accepted={ENV: [{"name": "A", "value": "$(B)"}]},
        refused={ENV: [{"name": "A", "value": "$(params.leaves)"}]},
    ),
    deployment(
        "spec.serving.nodeSelector",
        QUALIFIED_NAMES,
        accepted={"spec.serving.nodeSelector": {"pool": "serving"}},
        refused={"spec.serving.nodeSelector": {"example.com/": "serving"}},
    ),
    serving_toleration(
        "operator Exists takes no value: leave value out, or use operator: Equal",
        accepted={"operator": "Exists"},
        refused={"key": "gpu", "operator": "Exists", "value": "true"},
    ),
    serving_toleration(
        "operator Equal (the default) needs a key: name the taint, or use operator: Exists",
        accepted={"key": "gpu", "value": "true", "effect": "NoSchedule"},
        refused={"value": "true"},
    ),
    serving_toleration(
        "tolerationSeconds needs effect: NoExecute",
        accepted={"key": "gpu", "effect": "NoExecute", "tolerationSeconds": 30},
        refused={"key": "gpu", "tolerationSeconds": 30},
    ),
)

BY_ROUTE = {
    "spec.traffic": {"provider": "GatewayAPI", "gatewayRef": {"name": "edge"}, "hostnames": ["a.example"]}
}
SCALED = {
    "replicas": 2,
    "autoscaling": {"maxReplicas": 6},
    "resources": {"requests": {"cpu": "500m"}},
}

AUTOSCALING = (
    deployment(
        "spec.serving",
        "autoscaling.maxReplicas must be at least serving.replicas, the fewest pods: raise it, or lower "
        "replicas",
        accepted=BY_ROUTE | {"spec.serving": SCALED | {"autoscaling": {"maxReplicas": 2}}},
        refused=BY_ROUTE | {"spec.serving": SCALED | {"autoscaling": {"maxReplicas": 1}}},
    ),
    deployment(
        "spec.serving",
        "autoscaling goes by a share of resources.requests.cpu: set it",
        accepted=BY_ROUTE | {"spec.serving": SCALED},
        refused=BY_ROUTE | {"spec.serving": SCALED | {"resources": {"requests": {"memory": "1Gi"}}}},
    ),
    deployment(
        "spec",
        "autoscaling needs traffic.provider: GatewayAPI, because with ReplicaRatio the number of pods is "
        "the weight: set it, or remove autoscaling",
        accepted=BY_ROUTE | {"spec.serving": SCALED},
        refused={"spec.serving": SCALED, "spec.rollout": ABSENT},
    ),
    Case(
        "Deployment",
        "",
        "without autoscaling serving.replicas pods serve at once, and that is fewer than serve now: set "
        "replicas to at least status.replicas in the same change, and lower it later",
        accepted={"spec.serving": {"replicas": 5}},
        refused={"spec.serving": {"replicas": 4}},
        stored=BY_ROUTE | {"spec.serving": SCALED},
        stored_status={"status.replicas": 5},
    ),
)

CASES = (*IDENTITY, *PODS, *AUTOSCALING)
