"""What the operator reports about an Experiment."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import ATOMIC, list_map
from trimtab.apis.v1alpha1.meta import (
    MEMBER_KEYS,
    METRIC_KEYS,
    Conditions,
    Digest,
    DnsLabel,
    History,
    Measured,
    Message,
    ObjectName,
    Reason,
    ShortText,
    StatusModel,
    Time,
)

ExperimentPhase = Literal[
    "Pending", "Suspended", "Training", "Evaluating", "Registering", "Succeeded", "GateFailed", "Failed"
]
TrialPhase = Literal["Pending", "Running", "Succeeded", "Failed"]
GateVerdict = Literal["Pass", "Fail", "Invalid"]
Metrics = Annotated[dict[str, Measured], Field(max_length=16), METRIC_KEYS]
TrialParameters = Annotated[dict[str, ShortText], Field(max_length=20), MEMBER_KEYS]
Attempt = Annotated[int, Field(ge=1)]


class ResolvedData(StatusModel):
    """The digest a data entry stood for when the Experiment began."""

    name: DnsLabel
    """Name of the entry in `spec.data`."""
    digest: Digest
    """Digest of its OCI manifest; every trial reads exactly this."""


class TrialStatus(StatusModel):
    """One trial and its outcome."""

    index: Annotated[int, Field(ge=1, le=50)]
    """Number of the trial, from 1."""
    attempt: Attempt = 1
    """Number of its Job: above 1 only when a Job vanished before its result was stored."""
    phase: TrialPhase = "Pending"
    """Pending, Running, Succeeded or Failed."""
    parameters: TrialParameters = Field(default_factory=dict)
    """The values the search drew for it."""
    objective: Measured | None = None
    """Value of the objective metric."""
    metrics: Metrics = Field(default_factory=dict)
    """The last value of every metric it reported."""
    manifest_digest: Digest | None = None
    """Digest of the model artifact it published."""
    image: Annotated[str, StringConstraints(max_length=512)] | None = None
    """The image that trained it, by digest, as the node reported it."""
    reason: Reason | None = None
    """Why it failed, as one word."""
    message: Message = ""
    """Why it failed, for people."""
    started_at: Time | None = None
    """When its Job started."""
    finished_at: Time | None = None
    """When its Job ended."""


class ChampionStatus(StatusModel):
    """The version the winner was compared with, resolved once."""

    model_version: ObjectName
    """Name of the ModelVersion."""
    digest: Digest
    """Digest of its model artifact."""
    image: Annotated[str, StringConstraints(max_length=512)]
    """The image that scores it, by digest."""


class EvaluationStatus(StatusModel):
    """The evaluation Job and what it reads."""

    data_digest: Digest
    """Digest of the evaluation split."""
    champion: ChampionStatus | None = None
    """Absent when the model had no approved version."""
    attempt: Attempt = 1
    """Number of the evaluation Job."""
    phase: TrialPhase = "Pending"
    """Pending, Running, Succeeded or Failed."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """How many rows were scored."""
    metrics: Metrics = Field(default_factory=dict)
    """The winner's value of every metric on the evaluation split."""


class GateStatus(StatusModel):
    """How one gate was decided, in the order of `spec.evaluation.gates`."""

    metric: ShortText
    """The gate's metric."""
    verdict: GateVerdict
    """Pass, Fail, or Invalid when it could not be judged."""
    reason: Reason | None = None
    """NoChampion when there was nothing to compare with, or why it is Invalid."""
    challenger: Measured | None = None
    """The winner's value."""
    champion: Measured | None = None
    """The champion's value on the same rows."""
    difference: Measured | None = None
    """How much better the winner is: positive is better, whichever way the metric points."""
    interval: Annotated[tuple[Measured, ...], Field(max_length=2), ATOMIC] = ()
    """Bootstrap interval of `difference` over groups: lower and upper bound."""
    groups: Annotated[int, Field(ge=0)] | None = None
    """How many groups of rows the interval rests on; few groups make it wide."""


class ResultStatus(StatusModel):
    """The version number reserved for the winner, and the ModelVersion made with it."""

    reserved: Annotated[int, Field(ge=1)] | None = None
    """The reserved version number."""
    model_version: ObjectName | None = None
    """Name of the ModelVersion, once it exists."""


class ExperimentStatus(StatusModel):
    """Progress and outcome, with the evidence."""

    phase: ExperimentPhase | None = None
    """Where the Experiment is. Succeeded, GateFailed and Failed are final."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation this status is about."""
    conditions: Conditions = ()
    """Ready (registered), Reconciling, Stalled (needs a person or a new Experiment), GatesPassed."""
    data: Annotated[tuple[ResolvedData, ...], Field(max_length=16), list_map("name")] = ()
    """What the data tags stood for when the Experiment began."""
    trials: Annotated[tuple[TrialStatus, ...], Field(max_length=50), list_map("index")] = ()
    """One entry per trial."""
    winner: Annotated[int, Field(ge=1, le=50)] | None = None
    """Number of the trial with the best objective."""
    evaluation: EvaluationStatus | None = None
    gates: Annotated[tuple[GateStatus, ...], Field(max_length=10), ATOMIC] = ()
    """How each gate was decided."""
    result: ResultStatus | None = None
    history: History = ()
    """The transitions so far, oldest first."""
