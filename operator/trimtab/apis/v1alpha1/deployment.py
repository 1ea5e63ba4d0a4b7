"""Deployment: serves one ModelVersion; what comes next replaces it only when it is ready."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from trimtab.apis.markers import ATOMIC, Rule, list_map
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.apis.v1alpha1.meta import (
    OBJECT_NAME_RULE,
    Digest,
    Image,
    ModelName,
    Resource,
    SpecModel,
)
from trimtab.apis.v1alpha1.rollout import Rollout
from trimtab.apis.v1alpha1.runtimes import RUNTIME_RULES
from trimtab.apis.v1alpha1.traffic import Traffic
from trimtab.apis.v1alpha1.trial import QUALIFIED_KEYS, EnvVar, LabelValue, Resources, Toleration
from trimtab.apis.v1alpha1.weights import WEIGHT_RULES


class ModelReference(SpecModel):
    """Which version to serve: a pinned one (`version`), or the newest approved one (`follow`)."""

    rules: ClassVar = (
        Rule(
            "has(self.version) != has(self.follow)",
            "give either version (a pin) or follow: Approved, not both and not neither",
        ),
        Rule(
            "!has(self.digest) || has(self.version)",
            "digest belongs to a pinned version: add version, or remove digest",
        ),
    )
    name: ModelName
    """Name of the model."""
    version: Annotated[int, Field(ge=1, le=9999999)] | None = None
    """Number of the version to serve: the ModelVersion `<name>-v<version>`."""
    digest: Digest | None = None
    """Digest the pinned version must have; another one is refused instead of served."""
    follow: Literal["Approved"] | None = None
    """Approved: always the approved version with the highest number, and never an older one than is
    served."""


class Autoscaling(SpecModel):
    """Pods that follow the load, by a HorizontalPodAutoscaler for each side that has traffic. The cluster
    needs metrics-server, or another source of `metrics.k8s.io`."""

    max_replicas: Annotated[int, Field(ge=1, le=1000)]
    """The most pods of a revision; `serving.replicas` are the fewest. While a candidate has a weight there
    are pods of two revisions."""
    cpu_utilization: Annotated[int, Field(ge=1, le=100)] = 70
    """What the pods' mean use of CPU is held at, in percent of `resources.requests.cpu`."""


class Serving(SpecModel):
    """The pods that serve. Any change but of `replicas` and `autoscaling` is a new revision, rolled out like
    a new version."""

    rules: ClassVar = (
        Rule(
            "self.?runtime.orValue('trimtab') == 'trimtab' || has(self.image)",
            "a runtime other than trimtab needs serving.image: Trimtab ships no image of it",
        ),
        Rule(
            "self.?runtime.orValue('trimtab') != 'trimtab' || !has(self.image)",
            "runtime trimtab serves in the image that trained the version: remove serving.image, or set "
            "another serving.runtime",
        ),
        Rule(
            "!has(self.autoscaling) || self.autoscaling.maxReplicas >= self.?replicas.orValue(1)",
            "autoscaling.maxReplicas must be at least serving.replicas, the fewest pods: raise it, or lower "
            "replicas",
        ),
        Rule(
            "!has(self.autoscaling) || self.?resources.?requests.?cpu.hasValue()",
            "autoscaling goes by a share of resources.requests.cpu: set it",
        ),
    )
    runtime: Literal["trimtab", "mlserver", "triton", "kserve"] = "trimtab"
    """Which server. trimtab: our own, for every format. mlserver: MLServer, for sklearn. triton: NVIDIA
    Triton, for onnx, and kserve: KServe's sklearnserver, for sklearn; these two are rendered by their
    documentation and are not run in Trimtab's tests."""
    image: Image | None = None
    """The image of a runtime other than trimtab. Pin it by digest (`...@sha256:...`), and build it with the
    library versions that the model was trained with."""
    replicas: Annotated[int, Field(ge=1, le=100)] = 1
    """How many pods serve; with `autoscaling`, how many at least."""
    autoscaling: Autoscaling | None = None
    resources: Resources = Field(default_factory=Resources)
    """CPU, memory and other resources of the server."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=50), list_map("name")] = ()
    """Environment variables of the server, with literal values."""
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=16), QUALIFIED_KEYS] = Field(
        default_factory=dict
    )
    """Labels a node must have to run the pods."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16), ATOMIC] = ()
    """Taints the pods tolerate."""


class DeploymentSpec(SpecModel):
    """What to serve, and how."""

    rules: ClassVar = (
        *WEIGHT_RULES,
        Rule(
            "!has(self.rollout) || !has(self.rollout.steps) || "
            "!self.rollout.steps.exists(step, has(step.shadow)) || "
            "self.?traffic.?provider.orValue('ReplicaRatio') == 'GatewayAPI'",
            "shadow steps need traffic.provider GatewayAPI, because a Service copies no requests: set it, or "
            "remove them",
        ),
        *RUNTIME_RULES,
        Rule(
            "!self.?serving.?autoscaling.hasValue() || "
            "self.?traffic.?provider.orValue('ReplicaRatio') == 'GatewayAPI'",
            "autoscaling needs traffic.provider: GatewayAPI, because with ReplicaRatio the number of pods is "
            "the weight: set it, or remove autoscaling",
        ),
    )
    model: ModelReference
    serving: Serving = Field(default_factory=Serving)
    traffic: Traffic = Field(default_factory=Traffic)
    rollout: Rollout = Field(default_factory=Rollout)


class Deployment(Resource):
    """Serves a ModelVersion behind one Service that has the Deployment's name."""

    rules: ClassVar = (
        OBJECT_NAME_RULE,
        Rule(
            "self.spec.model.name == oldSelf.spec.model.name",
            "model.name cannot change: create a new Deployment",
        ),
        Rule(
            "!oldSelf.spec.?serving.?autoscaling.hasValue() || "
            "self.spec.?serving.?autoscaling.hasValue() || "
            "self.spec.?serving.?replicas.orValue(1) >= oldSelf.?status.?replicas.orValue(0)",
            "without autoscaling serving.replicas pods serve at once, and that is fewer than serve now: set "
            "replicas to at least status.replicas in the same change, and lower it later",
        ),
    )
    kind: Literal["Deployment"] = "Deployment"
    spec: DeploymentSpec
    status: DeploymentStatus = Field(default_factory=DeploymentStatus)
