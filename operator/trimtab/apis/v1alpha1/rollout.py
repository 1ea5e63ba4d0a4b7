"""How a new revision takes over: steps, and the analysis that decides whether it goes on."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from trimtab.apis.markers import ATOMIC, Rule, list_map
from trimtab.apis.v1alpha1.meta import Deadline, Decimal, DnsLabel, SpecModel, deadline_seconds

LatencyEdge = Literal["5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s"]
"""The bucket edges of the servers' latency histogram: a share above any other duration is not counted."""


class Pause(SpecModel):
    """Waits for a time, or for a person."""

    for_: Annotated[Deadline | None, Field(alias="for")] = None
    """How long to wait. Without it, until `trimtab promote`."""

    @property
    def seconds(self) -> int | None:
        """`for` in whole seconds; None = until a person promotes."""
        return None if self.for_ is None else deadline_seconds(self.for_)


class Analyze(SpecModel):
    """Waits until every metric with `onFail: Abort` has passed."""

    min_samples: Annotated[int, Field(ge=1, le=10_000_000)] = 300
    """Fewest rows of the candidate before a metric may pass, and the number at which trainServeSkew and
    predictionShift take their one look. A failure may come at any sample."""
    max_duration: Deadline = "10m"
    """How long to wait for a verdict; then `analysis.onInconclusive` decides."""

    @property
    def max_duration_seconds(self) -> int:
        """`maxDuration` in whole seconds, rounded up."""
        return deadline_seconds(self.max_duration)


class Step(SpecModel):
    """One step of a rollout: exactly one of its fields."""

    rules: ClassVar = (
        Rule(
            "(has(self.weight) ? 1 : 0) + (has(self.pause) ? 1 : 0) + (has(self.analyze) ? 1 : 0) == 1",
            "a step is one of weight, pause or analyze: write several steps for several",
        ),
    )
    weight: Annotated[int, Field(ge=1, le=99)] | None = None
    """The candidate's share of new connections, in percent. After the last step it gets all of them."""
    pause: Pause | None = None
    analyze: Analyze | None = None


class Metric(SpecModel):
    """One thing the candidate is judged by."""

    rules: ClassVar = (
        Rule(
            "(self.preset == 'latency') == (has(self.maxDuration) && has(self.quantile))",
            "latency needs quantile and maxDuration, and only latency takes them",
        ),
        Rule(
            "self.preset == 'errorRate' || !has(self.maxAbsolute)",
            "maxAbsolute belongs to errorRate: remove it",
        ),
        Rule(
            "self.preset in ['errorRate', 'latency'] || !has(self.maxRelativeIncrease)",
            "maxRelativeIncrease belongs to errorRate and latency: remove it",
        ),
        Rule(
            "self.preset in ['trainServeSkew', 'predictionShift'] || !has(self.floor)",
            "floor belongs to trainServeSkew and predictionShift: remove it",
        ),
        Rule(
            "self.preset != 'predictionShift' || self.?onFail.orValue('Observe') == 'Observe'",
            "predictionShift is observed only, because a model retrained for drift must differ: "
            "remove onFail, or set it to Observe",
        ),
        Rule(
            "!has(self.quantile) || (double(self.quantile) >= 0.5 && double(self.quantile) < 1.0)",
            "quantile lies between 0.5 and 1, such as 0.95",
        ),
        Rule(
            "!has(self.maxRelativeIncrease) || double(self.maxRelativeIncrease) >= 0.0",
            "maxRelativeIncrease may not be negative: a candidate need not be better than stable",
        ),
        Rule(
            "!has(self.maxAbsolute) || (double(self.maxAbsolute) > 0.0 && double(self.maxAbsolute) < 1.0)",
            "maxAbsolute is a share between 0 and 1, such as 0.005",
        ),
        Rule("!has(self.floor) || double(self.floor) > 0.0", "floor must be above 0, such as 0.05"),
    )
    name: DnsLabel
    """Name of the metric in status."""
    preset: Literal["errorRate", "latency", "trainServeSkew", "predictionShift"]
    """errorRate: connections that met an error, candidate against stable. latency: the share of requests
    slower than `maxDuration`. trainServeSkew: the candidate's live inputs and scores against its own
    reference profile. predictionShift: the candidate's scores against stable's."""
    max_relative_increase: Decimal | None = None
    """By how much the candidate's rate may exceed stable's: "1.0" (the default of errorRate) is twice as
    much, "0" (the default of latency) is no more."""
    max_absolute: Decimal | None = None
    """A share of error connections at or under which the candidate passes whatever stable does. Default
    "0.005"."""
    quantile: Decimal | None = None
    """The quantile of the latency that `maxDuration` bounds, such as "0.95"."""
    max_duration: LatencyEdge | None = None
    """The longest duration that quantile may have."""
    floor: Decimal | None = None
    """Smallest distance (psiAdjusted) that matters. Default "0.05"."""
    on_fail: Literal["Abort", "Observe"] | None = None
    """Abort (the default, except for predictionShift): a failure ends the rollout and the candidate is
    quarantined. Observe: it is shown in status only."""

    @property
    def aborts(self) -> bool:
        """Whether a failure ends the rollout."""
        return (self.on_fail or ("Observe" if self.preset == "predictionShift" else "Abort")) == "Abort"


class Analysis(SpecModel):
    """What the candidate is judged by, at every step with live traffic."""

    rules: ClassVar = (
        Rule(
            "!has(self.alpha) || (double(self.alpha) > 0.0 && double(self.alpha) < 1.0)",
            "alpha is a probability between 0 and 1, such as 0.05",
        ),
    )
    alpha: Decimal = "0.05"
    """Chance that a sound candidate is aborted, for the whole rollout; split over the metrics that abort."""
    metrics: Annotated[tuple[Metric, ...], Field(max_length=10), list_map("name")] = ()
    """Without it: errorRate and trainServeSkew abort, predictionShift is observed. The health of the
    candidate's pods is always judged."""
    on_inconclusive: Literal["Extend", "Hold", "Fail"] = "Extend"
    """What follows when an analyze step has no verdict after its maxDuration. Extend: wait on, until
    progressDeadline. Hold: wait for a person. Fail: abort."""

    @property
    def effective_metrics(self) -> tuple[Metric, ...]:
        """The metrics of the spec, or the default ones."""
        return self.metrics or DEFAULT_METRICS


DEFAULT_METRICS = (
    Metric(name="errors", preset="errorRate"),
    Metric(name="skew", preset="trainServeSkew"),
    Metric(name="shift", preset="predictionShift"),
)


class Rollout(SpecModel):
    """How a new revision takes over. Without steps it gets all traffic as soon as it is ready."""

    rules: ClassVar = (
        Rule(
            "!has(self.steps) || self.steps.size() == 0 || has(self.steps[0].weight)",
            "the first step must be a weight: without traffic there is nothing to wait for or to analyze",
        ),
    )
    steps: Annotated[tuple[Step, ...], Field(max_length=20), ATOMIC] = ()
    """What the candidate goes through, in order. Weights must increase."""
    analysis: Analysis = Field(default_factory=Analysis)
    signature_change: Literal["Refuse", "Allow"] = "Refuse"
    """Refuse: a version that does not take every request that stable takes is no candidate (each input of
    stable with its datatype, further ones only if nullable, the same outputs). Allow: clients are ready."""
    freeze: bool = False
    """true: no candidate starts, no step begins and time stands still, until it is removed. A candidate on
    its way keeps its weight and is still judged: a failure, and `trimtab abort`, give traffic back to
    stable."""
    progress_deadline: Deadline = "10m"
    """How long a step may take to get its pods ready, or an extended analysis to come to a verdict. Observed
    time: an outage of the operator or of the metrics does not count. Also how long a rollback may wait for
    pods before it says that it is blocked."""
    revision_history_limit: Annotated[int, Field(ge=1, le=10)] = 3
    """How many revisions that served before are kept as records, so that a rollback can make their pods
    again."""

    @property
    def progress_deadline_seconds(self) -> int:
        """`progressDeadline` in whole seconds, rounded up."""
        return deadline_seconds(self.progress_deadline)
