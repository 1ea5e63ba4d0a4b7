"""The resource kinds that Trimtab reads or writes: one table for paths, watches, sweeps and RBAC."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.apis.v1alpha1.meta import GROUP, VERSION


@dataclass(frozen=True)
class Kind:
    """A resource as the API server names it: a namespaced one, but for GatewayClass."""

    group: str
    version: str
    name: str
    plural: str
    alias: str = ""

    @property
    def id(self) -> str:
        """The kind's name, unique among all kinds here: our Deployment and that of apps/v1 are two."""
        return self.alias or self.name

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection_path(self, namespace: str | None) -> str:
        """Path of the collection; None = across all namespaces."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.plural}"

    def object_path(self, namespace: str, name: str, subresource: str = "") -> str:
        suffix = f"/{subresource}" if subresource else ""
        return f"{self.collection_path(namespace)}/{name}{suffix}"

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.name


EXPERIMENT = Kind(GROUP, VERSION, "Experiment", "experiments")
MODEL_VERSION = Kind(GROUP, VERSION, "ModelVersion", "modelversions")

DEPLOYMENT = Kind(GROUP, VERSION, "Deployment", "deployments")
DRIFT_MONITOR = Kind(GROUP, VERSION, "DriftMonitor", "driftmonitors")

AUTOSCALER = Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
CONFIG_MAP = Kind("", "v1", "ConfigMap", "configmaps")
EVENT = Kind("", "v1", "Event", "events")
CONTROLLER_REVISION = Kind("apps", "v1", "ControllerRevision", "controllerrevisions")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
GATEWAY_CLASS = Kind("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses")
GATEWAY = Kind("gateway.networking.k8s.io", "v1", "Gateway", "gateways")
HTTP_ROUTE = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
JOB = Kind("batch", "v1", "Job", "jobs")
LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
POD = Kind("", "v1", "Pod", "pods")
POD_DISRUPTION_BUDGET = Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets")
SELF_SUBJECT_REVIEW = Kind("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews")
SERVICE = Kind("", "v1", "Service", "services")
WORKLOAD = Kind("apps", "v1", "Deployment", "deployments", alias="Workload")


@dataclass(frozen=True, order=True, slots=True)
class ObjectKey:
    """Identity of one object; what the queue holds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
