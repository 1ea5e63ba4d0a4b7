"""DriftMonitor: compares what a Deployment sees with what its version was evaluated on, and may retrain."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from trimtab.apis.markers import Rule, list_map
from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus, PerformanceMetric
from trimtab.apis.v1alpha1.meta import (
    OBJECT_NAME_RULE,
    Decimal,
    Duration,
    ObjectName,
    Resource,
    SpecModel,
    duration_seconds,
)


def _share(member: str, default: str) -> Rule:
    value = f"double(self.?{member}.orValue('{default}'))"
    return Rule(
        f"{value} > 0.0 && {value} <= 1.0", f"{member} is a share above 0 and at most 1, such as {default}"
    )


FLOOR_RULES = (
    Rule("!has(self.floor) || double(self.floor) > 0.0", "floor must be above 0, such as 0.05"),
    Rule(
        "double(self.?clearFloor.orValue('0.03')) <= double(self.?floor.orValue('0.05'))",
        "clearFloor (default 0.03) may not be above floor (default 0.05): raise floor, or lower clearFloor",
    ),
)


class DeploymentReference(SpecModel):
    """The Deployment that is watched."""

    name: ObjectName
    """Name of a deployments.trimtab.dev in this namespace."""


class Source(SpecModel):
    """Where the counts come from."""

    type: Literal["Pods"] = "Pods"
    """Pods: the /metrics pages of the Deployment's own pods."""


class PersistenceSpec(SpecModel):
    """How many windows must agree, so that one odd window is no alarm."""

    rules: ClassVar = (
        Rule(
            "self.?raise.orValue(2) <= self.?of.orValue(3)",
            "raise (default 2) may not be above of (default 3): lower raise, or set both",
        ),
    )
    raise_: Annotated[int, Field(alias="raise", ge=1, le=10)] = 2
    """In how many of the last `of` windows the same feature must be off before its signal is raised."""
    of: Annotated[int, Field(ge=1, le=10)] = 3
    """How many judged windows are looked back at."""


class FeatureDriftSpec(SpecModel):
    """The inputs: each feature's live distribution against the version's reference."""

    rules: ClassVar = (
        *FLOOR_RULES,
        Rule(
            "!has(self.fdr) || (double(self.fdr) > 0.0 && double(self.fdr) <= 0.5)",
            "fdr is a rate above 0 and at most 0.5, such as 0.01",
        ),
    )
    fdr: Decimal = "0.01"
    """Tolerated share of false findings among the features of a window (Benjamini-Hochberg)."""
    floor: Decimal = "0.05"
    """Smallest distance (psiAdjusted) that is a finding, however certain it is."""
    clear_floor: Decimal = "0.03"
    """Distance below which a window counts towards the end of an alarm."""


class PredictionDriftSpec(SpecModel):
    """The answers: the live distribution of scores against the version's reference."""

    rules: ClassVar = FLOOR_RULES
    floor: Decimal = "0.05"
    """Smallest distance (psiAdjusted) that is a finding."""
    clear_floor: Decimal = "0.03"
    """Distance below which a window counts towards the end of an alarm."""


class DataQualitySpec(SpecModel):
    """Broken inputs: missing values and categories that the reference does not know."""

    rules: ClassVar = (_share("maxMissingIncrease", "0.05"), _share("maxUnseen", "0.05"))
    max_missing_increase: Decimal = "0.05"
    """By how much the share of rows without a value may rise over the reference, per feature."""
    max_unseen: Decimal = "0.05"
    """Largest share of rows with a category that the reference does not know, per feature."""


class PerformanceLimit(SpecModel):
    """One metric of the labelled rows, and by how much it may be worse than on the reference."""

    rules: ClassVar = (
        Rule(
            "self.metric == 'auc' ? has(self.maxDecrease) && !has(self.maxIncrease) "
            ": has(self.maxIncrease) && !has(self.maxDecrease)",
            "logLoss and brier are worse when higher and take maxIncrease; auc takes maxDecrease",
        ),
        Rule(
            "(!has(self.maxIncrease) || double(self.maxIncrease) >= 0.0) && "
            "(!has(self.maxDecrease) || double(self.maxDecrease) >= 0.0)",
            "maxIncrease and maxDecrease may not be negative: they say how much worse is tolerated",
        ),
    )
    metric: PerformanceMetric
    """logLoss, brier or auc."""
    max_increase: Decimal | None = None
    """By how much logLoss or brier may rise, in its own unit."""
    max_decrease: Decimal | None = None
    """By how much auc may fall."""

    @property
    def max_change(self) -> float:
        """Tolerated change towards worse."""
        return float(self.max_increase or self.max_decrease or 0)


class RealisedPerformanceSpec(SpecModel):
    """The truth: metrics of the rows whose labels came back in the window."""

    min_labelled: Annotated[int, Field(ge=50, le=10_000_000)] = 300
    """Fewest labels in a window before it is judged."""
    metrics: Annotated[tuple[PerformanceLimit, ...], Field(min_length=1, max_length=3), list_map("metric")]
    """What is judged. A metric is a finding when it is worse than on the reference by more than its limit and
    by more than three standard errors."""


class Signals(SpecModel):
    """What is watched. A signal that is absent is off."""

    rules: ClassVar = (
        Rule(
            "has(self.featureDrift) || has(self.predictionDrift) || has(self.dataQuality) || "
            "has(self.realisedPerformance)",
            "signals needs at least one of featureDrift, predictionDrift, dataQuality, realisedPerformance",
        ),
    )
    feature_drift: FeatureDriftSpec | None = None
    prediction_drift: PredictionDriftSpec | None = None
    data_quality: DataQualitySpec | None = None
    realised_performance: RealisedPerformanceSpec | None = None


class ExperimentSource(SpecModel):
    """An Experiment to copy."""

    name: ObjectName
    """Name of an Experiment of the same model in this namespace."""


class RetrainSpec(SpecModel):
    """What a retraining starts from."""

    experiment_ref: ExperimentSource | None = None
    """Copied only where the Experiment that made the served version is gone; otherwise that one is copied."""


class Limits(SpecModel):
    """What bounds retraining. They hold for the model, over all of its monitors; one at a time is a rule."""

    rules: ClassVar = (
        Rule(
            "!has(self.cooldown) || duration(self.cooldown) <= duration('720h')",
            "cooldown must be at most 720h",
        ),
    )
    cooldown: Duration = "1h"
    """Least time between two retrainings of the model."""
    max_retrains_per_day: Annotated[int, Field(ge=0, le=24)] = 2
    """How many retrainings of the model may start in any 24 hours."""

    @property
    def cooldown_seconds(self) -> float:
        """`cooldown` in seconds."""
        return duration_seconds(self.cooldown)


class DriftMonitorSpec(SpecModel):
    """What to watch, how to judge it, and what may follow."""

    rules: ClassVar = (
        Rule(
            "self.deploymentRef.name == oldSelf.deploymentRef.name",
            "deploymentRef cannot change: create a new DriftMonitor",
        ),
    )
    deployment_ref: DeploymentReference
    source: Source = Field(default_factory=Source)
    window: Annotated[
        Duration,
        Rule(
            "duration(self) >= duration('1s') && duration(self) <= duration('168h')",
            "window must be at least 1s and at most 168h",
        ),
        Rule("!self.contains('ms')", "window is in whole seconds: write it in s, m or h"),
    ] = "1h"
    """Length of a window. Windows close at whole multiples of it since 1970-01-01T00:00:00Z."""
    persistence: PersistenceSpec = Field(default_factory=PersistenceSpec)
    signals: Signals
    mode: Literal["Observe", "Suggest", "Auto"] = "Suggest"
    """Observe: judges and alerts. Suggest: writes down that it would retrain, and waits for
    `trimtab approve`. Auto: retrains within `limits`."""
    retrain: RetrainSpec = Field(default_factory=RetrainSpec)
    limits: Limits = Field(default_factory=Limits)

    @property
    def window_seconds(self) -> int:
        """`window` in whole seconds."""
        return round(duration_seconds(self.window))


class DriftMonitor(Resource):
    """Watches what a Deployment sees and how well it does, and decides when to alert and when to retrain."""

    rules: ClassVar = (OBJECT_NAME_RULE,)
    kind: Literal["DriftMonitor"] = "DriftMonitor"
    spec: DriftMonitorSpec
    status: DriftMonitorStatus = Field(default_factory=DriftMonitorStatus)
