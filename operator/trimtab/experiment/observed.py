"""Everything that a decision about an Experiment may look at, as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.model.settings import Settings
from trimtab_runtime.contract.message import Message
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.contract.result import TrialRecord
from trimtab_runtime.contract.signature import Signature

JobState = Literal["Active", "Succeeded", "Failed"]


@dataclass(frozen=True)
class Problem:
    """Something that could not be had. ``transient`` = asking again later may help."""

    reason: str
    message: str
    transient: bool


@dataclass(frozen=True)
class JobObserved:
    """A Job of ours with what its pods say.

    ``message`` is what the succeeded pod's publish container left, a Problem if that breaks the contract,
    None if there is no such pod. ``failure`` explains a failed Job; ``waiting`` an active one that cannot
    start.
    ``image`` is the digest-pinned image that the node ran for ``train``; empty while unknown.
    """

    name: str
    uid: str
    resource_version: str
    state: JobState
    suspended: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: Message | Problem | None = None
    recovered: TrialRecovered | None = None
    failure: Problem | None = None
    waiting: Problem | None = None
    image: str = ""


@dataclass(frozen=True)
class TrialRecovered:
    """A trial's result found under its tag in the registry, because its message was lost."""

    manifest_digest: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class VersionObserved:
    """A ModelVersion of the same model, from a live read."""

    name: str
    version: int
    digest: str
    image: str
    approved: bool
    experiment_uid: str
    quarantined: bool = False


@dataclass(frozen=True)
class DeploymentOfModel:
    """A Deployment of the same model, from a live read; ``stable`` is a ModelVersion's name, or empty."""

    name: str
    stable: str


@dataclass(frozen=True)
class Artifact:
    """The small JSON layers of the winner's artifact, read by digest and checked."""

    digest: str
    format: str
    size_bytes: int
    record: TrialRecord
    signature: Signature
    signature_digest: str
    profile: Profile | None
    profile_digest: str


@dataclass(frozen=True)
class Reservations:
    """The model's ConfigMap, from a live read; ``body`` None = it does not exist."""

    body: Mapping[str, Any] | None
    high_water: int
    reserved: Mapping[str, int]


@dataclass(frozen=True)
class ExperimentObserved:
    """One Experiment and what the observer read for its stage; None = that stage does not need it."""

    name: str
    namespace: str
    uid: str
    generation: int
    body: Mapping[str, Any]
    spec: ExperimentSpec
    status: ExperimentStatus
    settings: Settings
    jobs: Mapping[str, JobObserved] = field(default_factory=dict)
    data: Mapping[str, str] | Problem | None = None
    versions: tuple[VersionObserved, ...] | None = None
    deployments: tuple[DeploymentOfModel, ...] = ()
    artifact: Artifact | Problem | None = None
    reservations: Reservations | None = None
