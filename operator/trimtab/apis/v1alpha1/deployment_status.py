"""What the operator reports about a Deployment."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.v1alpha1.meta import (
    Conditions,
    Digest,
    History,
    ObjectName,
    StatusModel,
    Time,
)

DeploymentPhase = Literal["Pending", "Progressing", "Ready", "Stalled"]
Revision = Annotated[str, StringConstraints(pattern="^[a-f0-9]{8}$", max_length=8)]


class Side(StatusModel):
    """A revision in a role. Roles exist only here: pods keep their labels when they change."""

    model_version: ObjectName
    """Name of the ModelVersion."""
    digest: Digest
    """Digest of its model artifact."""
    revision: Revision
    """Revision: 8 hexadecimal characters of the model digest and every field that its pods depend on."""
    since: Time | None = None
    """When the revision got this role."""


class DeploymentStatus(StatusModel):
    """Who serves, who is to take over, and why."""

    phase: DeploymentPhase | None = None
    """Pending, Progressing, Ready or Stalled."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation this status is about."""
    conditions: Conditions = ()
    """Ready (the wanted revision serves all traffic), Available (some revision serves), Reconciling,
    Stalled."""
    stable: Side | None = None
    """The revision that serves."""
    candidate: Side | None = None
    """The revision that is to take over."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """How many pods of the stable revision are ready."""
    history: History = ()
    """The transitions so far, oldest first."""
