"""Everything that a decision about a DriftMonitor may look at, as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.driftmonitor import DriftMonitorSpec
from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus
from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.driftmonitor.judgement import Judgement
from trimtab.driftmonitor.ledger import Ledger
from trimtab.driftmonitor.windows import OpenWindow


@dataclass(frozen=True)
class Reference:
    """The version that is served, and the digest of its reference profile."""

    model_version: str
    digest: str
    profile_digest: str


@dataclass(frozen=True)
class Unjudgeable:
    """Why there is nothing to compare with. ``waiting`` = may change by itself."""

    reason: str
    message: str
    waiting: bool


@dataclass(frozen=True)
class Problem:
    """Something that could not be had. ``transient`` = asking again later may help."""

    reason: str
    message: str
    transient: bool


@dataclass(frozen=True)
class RetrainObserved:
    """An Experiment that a monitor has made. ``awaits``: its version waits to be served, and for what."""

    name: str
    created: datetime
    final: bool
    awaits: str = ""


@dataclass(frozen=True)
class Template:
    """The Experiment that is copied. ``wire``: its spec as it is stored, without defaults of ours."""

    name: str
    spec: ExperimentSpec
    wire: Mapping[str, Any]


@dataclass(frozen=True)
class RetrainWorld:
    """What a retraining depends on, from live reads.

    ``served_data``: digest of each data entry of the served version's lineage. ``data``: what the tags stand
    for now, or why that is not known. ``rollout``: why the Deployment is not at rest; empty if it is.
    ``made``: the Experiment of this decision, if it exists.
    """

    template: Template | Problem
    served_data: Mapping[str, str]
    data: Mapping[str, str] | Problem
    ledger: Ledger | Problem
    retrains: tuple[RetrainObserved, ...] = ()
    rollout: str = ""
    made: RetrainObserved | None = None


@dataclass(frozen=True)
class WayBack:
    """The Deployment could go back, or does: from which revision, and to which version."""

    revision: str
    to: str


@dataclass(frozen=True)
class DriftMonitorObserved:
    """One DriftMonitor and its world.

    ``window`` is the open one. ``judgement`` is that of a closed window which status does not show yet.
    ``problem`` is why the pods cannot be read, once that has lasted too long; empty while they can.
    ``checkpoint`` is the ConfigMap as cached, ``action`` the annotation. ``world`` None = not needed now.
    ``way_back`` None = there is none now.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    body: Mapping[str, Any]
    spec: DriftMonitorSpec
    status: DriftMonitorStatus
    model: str
    reference: Reference | Unjudgeable
    window: OpenWindow | None = None
    judgement: Judgement | None = None
    problem: str = ""
    checkpoint: Mapping[str, Any] | None = None
    action: str = ""
    world: RetrainWorld | None = None
    way_back: WayBack | None = None
