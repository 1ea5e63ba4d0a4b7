"""What the operator reports about a Deployment."""

from typing import Annotated, Literal

from pydantic import Field

from trimtab.apis.markers import list_map
from trimtab.apis.v1alpha1.meta import (
    ActionStatus,
    Conditions,
    Digest,
    History,
    Measured,
    Message,
    ObjectName,
    Reason,
    ShortText,
    StatusModel,
    Time,
)
from trimtab.apis.v1alpha1.revision import Revision
from trimtab.apis.v1alpha1.trigger import DecisionId

DeploymentPhase = Literal[
    "Pending", "Progressing", "Paused", "Aborting", "Aborted", "RollingBack", "Ready", "Stalled"
]
Percent = Annotated[int, Field(ge=0, le=100)]


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


class StepStatus(StatusModel):
    """Where the rollout is."""

    index: Annotated[int, Field(ge=0)]
    """Index of the step in `spec.rollout.steps`, from 0; their number = the candidate is being promoted."""
    started_at: Time
    """When the step began."""
    observed_seconds: Annotated[int, Field(ge=0)] = 0
    """Time in the step during which operator and metrics were there, as of the last write."""
    pods: Annotated[int, Field(ge=1)] | None = None
    """With autoscaling: how many pods all of the traffic took when the step began. A side has at least its
    weight's share of them, and stable has all of them, so that an abort finds its capacity there."""
    held: bool = False
    """An analysis without a verdict, or a candidate beside a stable that is down, waits for a person."""


class WeightStatus(StatusModel):
    """The candidate's share in percent: of new connections, or with a Gateway of requests."""

    desired: Percent
    """What the step asks for."""
    applied: Percent
    """What endpoints give, or the Gateway confirms, as of the last write; 0 when that is not known."""
    mirror: Percent | None = None
    """While requests are copied: how many of a hundred the step asks for."""
    observed: Percent | None = None
    """What the servers counted, as of the last write: the candidate's share, or copies per hundred requests
    of stable."""


class MetricStatus(StatusModel):
    """The verdict of one metric, as of the last step, verdict or minute."""

    metric: ShortText
    """Name of the metric."""
    verdict: Literal["Pass", "Fail", "Inconclusive", "NoData", "ProviderError"]
    """Pass, Fail, Inconclusive, NoData or ProviderError."""
    samples: Annotated[int, Field(ge=0)] = 0
    """How much the candidate has shown: connections, requests or rows."""
    value: Measured | None = None
    """The candidate's value."""
    bound: Measured | None = None
    """What the value is held against."""
    samples_to_verdict: Annotated[int, Field(ge=0)] | None = None
    """How many more samples a verdict will take, at the rates seen so far."""
    seconds_to_verdict: Annotated[int, Field(ge=0)] | None = None
    """How many seconds they will take, with the traffic seen so far; without it, too few or none to say."""
    message: Message = ""
    """The numbers, for people."""


class Abort(StatusModel):
    """A decision that stands until it is carried out: all traffic goes back to stable."""

    revision: Revision
    """The candidate that is given up."""
    step: Annotated[int, Field(ge=0)]
    """The step it was in."""
    reason: Reason
    """Why, as one word."""
    message: Message = ""
    """Why, with the numbers that decided it."""


class Rollback(StatusModel):
    """A decision that stands until it is carried out: all traffic goes back to the revision that served
    before."""

    revision: Revision
    """The stable revision that is left."""
    to: Revision
    """The revision that takes over: that of `lastGood`."""
    reason: Reason
    """Why, as one word."""
    message: Message = ""
    """Why, with the numbers that decided it."""
    at: Time
    """When it was decided."""


class ArmStatus(StatusModel):
    """One side of an experiment."""

    labels: Annotated[int, Field(ge=0)] = 0
    """Labels that came back for its answers in the step."""
    share: Measured | None = None
    """The share of them that are 1."""


class ExperimentStatus(StatusModel):
    """What the last experiment step found."""

    verdict: Literal["Better", "Worse", "Undecided", "NoData"]
    """Better or Worse: the interval lies on one side of 0. Undecided: it holds 0. NoData: a side has
    too few labels of either value (5 are to be expected), or both sides have the same model."""
    stable: ArmStatus
    """What stable showed."""
    candidate: ArmStatus
    """What the candidate showed."""
    difference: Measured | None = None
    """Share of the candidate minus that of stable."""
    low: Measured | None = None
    """Lower end of its 95 % interval."""
    high: Measured | None = None
    """Upper end of its 95 % interval."""


class ProbationLimit(StatusModel):
    """What one metric may reach on probation."""

    metric: ShortText
    """Name of the metric."""
    share: Measured
    """The share of connections or requests with an error, refused or slow: what the metric allows, or more if
    the revision before had more."""


class ProbationStatus(StatusModel):
    """Stable has been promoted and is still judged, without another side to compare it with."""

    started_at: Time
    """When it began: at promotion."""
    limits: Annotated[tuple[ProbationLimit, ...], Field(max_length=10), list_map("metric")] = ()
    """What leads to a rollback. A metric is missing if the revision before was not measured beside it."""


class Quarantine(StatusModel):
    """A revision that failed. It is not tried again, under whatever name."""

    revision: Revision
    """The revision: the same bytes under the same settings."""
    digest: Digest
    """Digest of its model artifact."""
    model_version: ObjectName
    """The version it was called."""
    reason: Reason
    """Why, as one word."""
    message: Message = ""
    """Why, with the numbers that decided it."""
    at: Time
    """When."""


class MonitorDecision(StatusModel):
    """A decision of a DriftMonitor that was carried out: the same one is carried out once."""

    monitor: ObjectName
    """Name of the DriftMonitor."""
    monitor_uid: Annotated[str, Field(max_length=64)]
    """Its uid: another one of the same name counts from 1 again."""
    id: DecisionId
    """The decision."""


class DeploymentStatus(StatusModel):
    """Who serves, who is to take over, and why."""

    phase: DeploymentPhase | None = None
    """Pending, Progressing, Paused, Aborting, Aborted, RollingBack, Ready or Stalled."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation this status is about."""
    conditions: Conditions = ()
    """Ready (the wanted revision has all traffic), Available (some revision serves), MetricsAvailable,
    Reconciling, Stalled."""
    stable: Side | None = None
    """The revision that serves."""
    candidate: Side | None = None
    """The revision that is to take over."""
    last_good: Side | None = None
    """The revision that served before stable: what `trimtab rollback` goes back to."""
    older_good: Annotated[tuple[Side, ...], Field(max_length=9), list_map("revision")] = ()
    """Revisions that served before `lastGood`, newest first; with it, `rollout.revisionHistoryLimit` of
    them."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """How many pods of the stable revision are ready."""
    step: StepStatus | None = None
    """The step the candidate is in."""
    weight: WeightStatus | None = None
    """The candidate's share of the traffic."""
    analysis: Annotated[tuple[MetricStatus, ...], Field(max_length=11), list_map("metric")] = ()
    """The verdicts on the candidate."""
    experiment: ExperimentStatus | None = None
    """The result of the candidate's last experiment step."""
    abort: Abort | None = None
    """Present while a candidate is being given up."""
    rollback: Rollback | None = None
    """Present while stable is being left for `lastGood`."""
    probation: ProbationStatus | None = None
    """Present while stable is on probation."""
    scale_down_at: Time | None = None
    """Until when `lastGood` keeps all of its pods."""
    quarantine: Annotated[tuple[Quarantine, ...], Field(max_length=20), list_map("revision")] = ()
    """Revisions that failed."""
    last_decision: MonitorDecision | None = None
    """The last decision of a DriftMonitor that was carried out here."""
    last_action: ActionStatus | None = None
    """The last action of a person."""
    history: History = ()
    """The transitions so far, oldest first."""
