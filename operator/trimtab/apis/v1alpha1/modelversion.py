"""ModelVersion: an immutable, digest-pinned model with its lineage, evaluation and approval."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import ATOMIC, Rule, list_map
from trimtab.apis.v1alpha1.experiment import CodeReference
from trimtab.apis.v1alpha1.experiment_status import Metrics
from trimtab.apis.v1alpha1.meta import (
    MEMBER_KEYS,
    Conditions,
    Digest,
    History,
    Image,
    MemberName,
    ModelName,
    ObjectName,
    PinnedImage,
    Quantity,
    Reason,
    Resource,
    ShortText,
    SpecModel,
    StatusModel,
    Uid,
)
from trimtab.apis.v1alpha1.trigger import Trigger

AllParameters = Annotated[dict[str, ShortText], Field(max_length=84), MEMBER_KEYS]
"""The fixed and the searched ones together."""
REPOSITORY_PATTERN = "^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$"


class Artifact(SpecModel):
    """The stored model. Where it is stored is the operator's choice, so only the repository is named."""

    repository: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=REPOSITORY_PATTERN)]
    """Repository in the operator's artifact registry."""
    digest: Digest
    """Digest of the OCI manifest: model, signature, profile and result layers."""
    format: Annotated[str, StringConstraints(min_length=1, max_length=32, pattern="^[a-z][a-z0-9.-]*$")]
    """How the model is stored: sklearn, xgboost or onnx."""
    size: Quantity
    """Size of all layers together."""


class Runtime(SpecModel):
    """What can load the model. The framework version and the Python minor version must match to load it."""

    image: PinnedImage
    """The image that trained it, by digest."""
    framework: Annotated[str, StringConstraints(min_length=1, max_length=130)]
    """Framework and exact version, such as `scikit-learn==1.9.1`."""
    python: Annotated[str, StringConstraints(max_length=8, pattern="^[0-9]+\\.[0-9]+$")]
    """Python version, such as `3.11`."""


class Tensor(SpecModel):
    """One named input or output of the model."""

    name: MemberName
    """Name of the feature or output."""
    datatype: Literal["FP64", "INT64", "BOOL", "BYTES"]
    """Type in the Open Inference Protocol."""
    nullable: bool = False
    """Whether a value may be missing."""


Tensors = Annotated[tuple[Tensor, ...], Field(min_length=1, max_length=256), list_map("name")]


class Signature(SpecModel):
    """What the model takes and gives."""

    inputs: Tensors
    """One named input per feature."""
    outputs: Tensors
    """What it answers."""
    digest: Digest
    """Digest of the signature layer of the artifact."""


class RecordedEvaluation(SpecModel):
    """How the model did on the evaluation split. Never compared with another version's numbers: those may
    come from other rows."""

    data_digest: Digest
    """Digest of the evaluation split."""
    metrics: Metrics
    """Value per metric."""


class ExperimentReference(SpecModel):
    """The Experiment that made the version."""

    name: ObjectName
    """Its name."""
    uid: Uid
    """Its uid: another Experiment of the same name is another one."""


class Lineage(SpecModel):
    """Where the model comes from."""

    experiment: ExperimentReference
    trial: Annotated[int, Field(ge=1, le=50)]
    """Number of the winning trial."""
    data: Annotated[dict[str, Digest], Field(min_length=1, max_length=16), MEMBER_KEYS]
    """Digest of each data entry it was made from, by name."""
    code: CodeReference | None = None
    image: Image
    """The training image as the Experiment names it."""
    parameters: AllParameters = Field(default_factory=dict)
    """All parameters of the winning trial."""
    seed: Annotated[int, Field(ge=0, le=2147483647)]
    """The Experiment's seed."""
    trigger: Trigger


class ModelVersionSpec(SpecModel):
    """What the version is. Written once by the operator and immutable: train again to change anything."""

    rules: ClassVar = (
        Rule("self == oldSelf", "a ModelVersion is immutable: train again to get a new version"),
    )
    model: ModelName
    """Name of the model."""
    version: Annotated[int, Field(ge=1, le=9999999)]
    """Number of the version. The object is called `<model>-v<version>`; numbers are never used twice."""
    artifact: Artifact
    runtime: Runtime
    signature: Signature
    profile_digest: Digest | None = None
    """Digest of the reference profile that live data is compared with. Without it, drift cannot be judged."""
    evaluation: RecordedEvaluation
    lineage: Lineage


ModelVersionPhase = Literal["Registered", "Approved", "Rejected"]


class ServedBy(StatusModel):
    """A Deployment that serves the version."""

    deployment: ObjectName
    """Name of the Deployment."""
    role: Literal["Stable", "Candidate"]
    """Stable or Candidate."""


class QuarantinedBy(StatusModel):
    """A Deployment that gave the version up."""

    deployment: ObjectName
    """Name of the Deployment."""
    reason: Reason
    """Why, as one word; the numbers stand in the Deployment's `status.quarantine`."""


class ModelVersionStatus(StatusModel):
    """Whether the version may be served."""

    phase: ModelVersionPhase | None = None
    """Registered, Approved or Rejected."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation this status is about."""
    conditions: Conditions = ()
    """Ready, Approved (with the reason, such as UnknownOrigin), Reconciling, Stalled."""
    served_by: Annotated[tuple[ServedBy, ...], Field(max_length=50), ATOMIC] = ()
    """The Deployments that serve it, derived from their status."""
    quarantined_by: Annotated[tuple[QuarantinedBy, ...], Field(max_length=50), ATOMIC] = ()
    """The Deployments that gave it up. A quarantined version is not made champion."""
    history: History = ()
    """The transitions so far, oldest first."""


class ModelVersion(Resource):
    """An immutable model with everything needed to serve it and to know where it comes from."""

    rules: ClassVar = (
        Rule(
            "self.metadata.name.startsWith(self.spec.model + '-v') && "
            "self.metadata.name.substring(self.spec.model.size() + 2) == string(self.spec.version)",
            "metadata.name must be <spec.model>-v<spec.version>",
        ),
    )
    kind: Literal["ModelVersion"] = "ModelVersion"
    spec: ModelVersionSpec
    status: ModelVersionStatus = Field(default_factory=ModelVersionStatus)
