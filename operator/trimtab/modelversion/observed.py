"""Everything that a decision about a ModelVersion may look at."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab.apis.v1alpha1.modelversion import ModelVersionSpec, ModelVersionStatus


@dataclass(frozen=True)
class OriginObserved:
    """The Experiment of the lineage's name, from a live read. ``digest`` and ``image`` are its winner's."""

    uid: str
    result: str
    final: bool
    digest: str
    image: str


@dataclass(frozen=True)
class DeploymentUse:
    """What a Deployment says of the version: its Stable or Candidate, or Quarantined with the reason."""

    deployment: str
    role: str
    reason: str


@dataclass(frozen=True)
class ModelVersionObserved:
    """``origin`` None = no such Experiment exists (by a live read)."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: ModelVersionSpec
    status: ModelVersionStatus
    origin: OriginObserved | None
    uses: tuple[DeploymentUse, ...] = ()
