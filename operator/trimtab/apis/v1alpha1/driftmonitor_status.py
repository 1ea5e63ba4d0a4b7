"""What the operator reports about a DriftMonitor."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import ATOMIC, list_map
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

DriftMonitorPhase = Literal["Waiting", "Healthy", "Drifted", "InsufficientData", "NoTraffic", "SourceError"]
SignalName = Literal["FeatureDrift", "PredictionDrift", "DataQuality", "RealisedPerformance"]
SignalVerdict = Literal["Healthy", "Drifted", "InsufficientData", "NoTraffic", "SourceError"]
Completeness = Literal["Complete", "Partial", "Late", "Mixed"]
PerformanceMetric = Literal["logLoss", "brier", "auc"]
Mark = Literal["Above", "Between", "Clear"]
Count = Annotated[int, Field(ge=0)]


class PreviousStatus(StatusModel):
    """The version that was served before."""

    model_version: ObjectName
    """Name of the ModelVersion."""
    performed: bool = False
    """Whether it performed well: in one window at least, and nothing was raised about it at its end."""


class ReferenceStatus(StatusModel):
    """What the windows are compared with: the reference profile of the served version."""

    model_version: ObjectName
    """Name of the ModelVersion."""
    digest: Digest
    """Digest of its model artifact."""
    profile_digest: Digest | None = None
    """Digest of its reference profile."""
    since: Time | None = None
    """Since when windows are compared with it."""
    performed: bool = False
    """Whether RealisedPerformance was Healthy in a window of it. A drop after that is not its rollout's."""
    previous: PreviousStatus | None = None
    """The version that was served before it."""


class WindowStatus(StatusModel):
    """The last window that was judged."""

    start: Time
    """When it began."""
    end: Time
    """When it closed."""
    rows: Count = 0
    """Rows that stable's pods answered in it."""
    labelled: Count = 0
    """Labels that came back in it, for answers of the served version."""
    completeness: Completeness
    """Complete; Partial (rows are missing: the operator or a pod was away), Late (it was closed too late and
    holds rows of the next one) or Mixed (two versions). Only a Complete window can be Healthy."""


class FeatureStatus(StatusModel):
    """How far one feature, or the score, is from its reference."""

    feature: ShortText
    """Name of the feature; `score` for the answers."""
    psi: Measured
    """Population stability index, in nats."""
    psi_adjusted: Measured
    """The index less its mean under no drift; this is held against the floor."""
    p_adjusted: Measured | None = None
    """Chi-square p-value, adjusted over all features of the window."""
    samples: Count = 0
    """Rows it was measured on."""
    floor: Measured
    """The floor it was held against."""


class CheckStatus(StatusModel):
    """One data quality check of one feature."""

    feature: ShortText
    """Name of the feature."""
    check: Literal["Missing", "Unseen"]
    """Missing values, or categories that the reference does not know."""
    share: Measured
    """Share of the window's rows."""
    reference: Measured
    """Share of the reference's rows."""
    bound: Measured
    """Largest tolerated share."""
    samples: Count = 0
    """Rows it was measured on."""


class PerformanceStatus(StatusModel):
    """One metric of the labelled rows."""

    metric: PerformanceMetric
    """Name of the metric."""
    value: Measured
    """Its value in the window."""
    reference: Measured
    """Its value on the reference, computed in the same way."""
    bound: Measured
    """The last tolerated value."""
    standard_error: Measured
    """Standard error of the difference."""


class SignalStatus(StatusModel):
    """What the last window said about one signal."""

    signal: SignalName
    """Name of the signal."""
    verdict: SignalVerdict
    """What the last window says by itself."""
    raised: bool = False
    """Whether enough windows agreed: this is what decisions rest on."""
    of: Annotated[str, StringConstraints(max_length=8)] = ""
    """In how many of the last windows its worst feature was off, such as `2/3`."""
    min_samples: Count | None = None
    """Rows (or labels) a window needs before it can be Healthy."""
    seconds_to_min_samples: Count | None = None
    """How long that takes at the window's rate."""
    assumes: Literal["IndependentRows"] | None = None
    """Rows that depend on each other (of one hour, of one customer) make p-values too small."""
    message: Message = ""
    """Why there is no verdict, for people."""
    top: Annotated[tuple[FeatureStatus, ...], Field(max_length=8), list_map("feature")] = ()
    """The features that are furthest away."""
    checks: Annotated[tuple[CheckStatus, ...], Field(max_length=8), list_map("feature", "check")] = ()
    """The data quality checks that rose most."""
    metrics: Annotated[tuple[PerformanceStatus, ...], Field(max_length=3), list_map("metric")] = ()
    """The metrics of the labelled rows."""


class PersistenceStatus(StatusModel):
    """What recent windows said about one feature, check or metric; those without a finding are left out."""

    signal: SignalName
    """Its signal."""
    subject: ShortText
    """Feature, `feature/check`, metric or `score`."""
    raised: bool = False
    """Whether it is raised."""
    marks: Annotated[tuple[Mark, ...], Field(max_length=10), ATOMIC] = ()
    """One mark per judged window, oldest first: Above the floor, Between, or Clear."""


class DecisionEvidence(StatusModel):
    """What the decision rests on."""

    start: Time
    """When the deciding window began."""
    end: Time
    """When it closed."""
    model_version: ObjectName
    """The version that was served."""
    signals: Annotated[tuple[SignalName, ...], Field(max_length=4), ATOMIC] = ()
    """The signals that were raised."""
    message: Message = ""
    """The numbers, for people."""


class DecisionTarget(StatusModel):
    """What the decision made, or whom it asks."""

    kind: Literal["Experiment", "Deployment"]
    """Experiment: what a retraining made. Deployment: who is asked to go back."""
    name: ObjectName
    """Its name."""
    revision: Revision | None = None
    """The revision of the Deployment that is to be left: of any other, nothing is asked."""
    to: ObjectName | None = None
    """The version that it goes back to."""


class DecisionStatus(StatusModel):
    """The last decision."""

    id: DecisionId
    """`d-<N>`, counted from 1."""
    action: Literal["Alert", "Retrain", "Rollback"]
    """Alert: an Event. Retrain: a new Experiment on the data that the tags stand for now. Rollback: the
    Deployment goes back to the version before."""
    state: Literal["Suggested", "Approved", "Executed", "Suppressed", "Refused"]
    """Suggested: waits for `trimtab approve`. Approved: is being carried out. Executed: done. Suppressed: may
    not be done now, see `reason`. Refused: cannot be done, see `reason`."""
    reason: Reason | None = None
    """Why it is suppressed or refused, as one word."""
    message: Message = ""
    """Why, for people, with the numbers."""
    at: Time
    """When it was decided."""
    ended_at: Time | None = None
    """When what it was about was over: the signals cleared, or another version took over."""
    target: DecisionTarget | None = None
    """What it made, or whom it asks."""
    evidence: DecisionEvidence


class BudgetStatus(StatusModel):
    """How much retraining of the model is used up, over all of its monitors, as of the last decision."""

    used_today: Count = 0
    """Retrainings started in the last 24 hours."""
    max_per_day: Count = 0
    """How many may be."""
    cooldown_until: Time | None = None
    """No retraining starts before."""


class DriftMonitorStatus(StatusModel):
    """What was seen, what it means, and what was decided."""

    phase: DriftMonitorPhase | None = None
    """Waiting, Healthy, Drifted, InsufficientData, NoTraffic or SourceError."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation this status is about."""
    conditions: Conditions = ()
    """Ready (windows are judged), DriftDetected, PerformanceDegraded, MetricsAvailable, Reconciling,
    Stalled."""
    reference: ReferenceStatus | None = None
    """What the windows are compared with."""
    window: WindowStatus | None = None
    """The last window that was judged. While there is no traffic it is the first without."""
    signals: Annotated[tuple[SignalStatus, ...], Field(max_length=4), list_map("signal")] = ()
    """What the last window said, signal by signal."""
    persistence: Annotated[
        tuple[PersistenceStatus, ...], Field(max_length=310), list_map("signal", "subject")
    ] = ()
    """What recent windows said about each feature that was off."""
    decision: DecisionStatus | None = None
    """The last decision."""
    budget: BudgetStatus | None = None
    """How much retraining is used up."""
    last_action: ActionStatus | None = None
    """The last action of a person."""
    history: History = ()
    """The transitions so far, oldest first."""
