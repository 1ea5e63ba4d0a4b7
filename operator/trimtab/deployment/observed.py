"""Everything that a decision about a Deployment may look at, as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus
from trimtab.deployment.analysis import MetricVerdict
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.traffic.routing import Routing
from trimtab.model.settings import Settings
from trimtab_runtime.contract.signature import Signature


@dataclass(frozen=True)
class VersionObserved:
    """A ModelVersion of the model, as far as serving it concerns."""

    name: str
    version: int
    digest: str
    phase: str
    repository: str
    image: str
    profile_digest: str
    signature: Signature
    format: str


@dataclass(frozen=True)
class PodTrouble:
    """Why a pod is not ready, in a reason and a sentence."""

    reason: str
    message: str


@dataclass(frozen=True)
class PodObserved:
    """A pod whose controller chain ends in one of our workloads.

    ``serving`` = the front Service's endpoints hold it as ready; ``routable`` = those of the Service of its
    revision do.
    """

    name: str
    uid: str
    ip: str
    ready: bool
    deleting: bool
    serving: bool
    trouble: PodTrouble | None = None
    restarts: int = 0
    not_ready_since: datetime | None = None
    routable: bool = False


@dataclass(frozen=True)
class RevisionRecord:
    """What the ControllerRevision of a revision has frozen.

    ``signature`` None = it was made by an operator that did not keep it.
    """

    revision: str
    number: int
    model_version: str
    digest: str
    template: Mapping[str, Any]
    signature: Signature | None = None
    uid: str = ""
    resource_version: str = ""


@dataclass(frozen=True)
class WorkloadObserved:
    """The apps/v1 Deployment of one revision and its pods. ``refusal``: why pods of it could not be made."""

    revision: str
    body: Mapping[str, Any]
    replicas: int
    ready_replicas: int
    settled: bool
    deleting: bool
    pods: tuple[PodObserved, ...]
    refusal: PodTrouble | None = None

    @property
    def serving_pods(self) -> int:
        return sum(pod.serving for pod in self.pods)

    @property
    def routable_pods(self) -> int:
        return sum(pod.routable for pod in self.pods)

    @property
    def trouble(self) -> PodTrouble | None:
        return next((pod.trouble for pod in self.pods if pod.trouble is not None), self.refusal)


@dataclass(frozen=True)
class AskedToGoBack:
    """A DriftMonitor's approved decision to leave a revision."""

    monitor: str
    monitor_uid: str
    id: str
    revision: str
    message: str


@dataclass(frozen=True)
class DeploymentObserved:
    """One Deployment and its world. ``versions`` are all ModelVersions of the model, by number.

    ``evidence`` None = no candidate has had traffic. ``metrics_problem`` is why the last round of scrapes
    cannot be used; empty if it can. ``query_problems``: by metric, why its source said nothing. ``budgets``
    are PodDisruptionBudgets and ``autoscalers`` HorizontalPodAutoscalers of ours, by revision;
    ``rival_autoscaler`` says which of somebody else sets the pods of which workload of ours. ``checkpoint``
    is the evidence ConfigMap as cached. ``action`` is the annotation,
    ``asked`` what DriftMonitors ask for.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    body: Mapping[str, Any]
    spec: DeploymentSpec
    status: DeploymentStatus
    settings: Settings
    versions: tuple[VersionObserved, ...] = ()
    records: Mapping[str, RevisionRecord] = field(default_factory=dict)
    workloads: Mapping[str, WorkloadObserved] = field(default_factory=dict)
    budgets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    autoscalers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rival_autoscaler: str = ""
    service: Mapping[str, Any] | None = None
    evidence: Evidence | None = None
    verdicts: tuple[MetricVerdict, ...] = ()
    metrics_problem: str = ""
    query_problems: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Mapping[str, Any] | None = None
    action: str = ""
    asked: tuple[AskedToGoBack, ...] = ()
    routing: Routing = field(default_factory=Routing)

    @property
    def is_frozen(self) -> bool:
        """Whether steps and their clocks stand still: what is to decide cannot be read."""
        deciding = self.spec.rollout.deciding_metrics
        return any(
            self.query_problems.get(m.name) if m.source_ref else self.metrics_problem for m in deciding
        )

    @property
    def unread(self) -> str:
        """Why metrics cannot be read, of pods and of queries; empty if they can."""
        queries = [f"{name}: {problem}" for name, problem in sorted(self.query_problems.items())]
        return "; ".join([*([self.metrics_problem] if self.metrics_problem else []), *queries])
