"""How a new revision takes over: the steps it goes through."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from trimtab.apis.markers import ATOMIC, Rule
from trimtab.apis.v1alpha1.analysis import Analysis, Metric
from trimtab.apis.v1alpha1.meta import Deadline, SpecModel, deadline_seconds

_NO_STEPS = "!has(self.steps) || self.steps.size() == 0"
_WEIGHED = "self.steps.filter(step, has(step.weight) || has(step.experiment))"


class Pause(SpecModel):
    """Waits for a time, or for a person."""

    for_: Annotated[Deadline | None, Field(alias="for")] = None
    """How long to wait. Without it, until `trimtab promote`."""

    @property
    def seconds(self) -> int | None:
        """`for` in whole seconds; None = until a person promotes."""
        return None if self.for_ is None else deadline_seconds(self.for_)


class Shadow(SpecModel):
    """Copies of requests for the candidate, whose answers nobody gets. It has no weight meanwhile."""

    percent: Annotated[int, Field(ge=1, le=100)]
    """How many of a hundred requests are copied, until the next shadow or weight step."""


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


class LabelRate(SpecModel):
    """A business metric: the share of labels that are 1, of those that clients sent back."""

    better: Literal["Higher", "Lower"] = "Higher"
    """Which way is better."""


class Experiment(SpecModel):
    """An A/B test: stable and candidate side by side for a fixed time, then one look at one metric.

    The weight is that of the step before. Metrics that abort go on watching.
    """

    for_: Annotated[Deadline, Field(alias="for")]
    """How long: observed time, with labels that arrive in it."""
    label_rate: LabelRate
    """What is compared."""
    on_better: Literal["Hold", "Promote"] = "Hold"
    """Hold: a person decides, whatever the result. Promote: the rollout goes on by itself if the 95 %
    interval of the difference lies on the better side; if not, a person decides."""

    @property
    def seconds(self) -> int:
        """`for` in whole seconds, rounded up."""
        return deadline_seconds(self.for_)


class Probation(SpecModel):
    """What a promoted revision has to live through before it is trusted."""

    for_: Annotated[Deadline, Field(alias="for")]
    """Observed time after a promotion during which the revision goes on being judged. It is left for
    `status.lastGood` and quarantined when its errors or slow requests go beyond `status.probation.limits`,
    when a container of it restarts again and again, or when none of its pods is ready for 15 s and a warm one
    is. A new revision ends it."""
    keep_warm: Annotated[int, Field(ge=0, le=100)] = 1
    """Pods that the revision before keeps meanwhile, outside the Service, at most `serving.replicas`."""

    @property
    def seconds(self) -> int:
        """`for` in whole seconds, rounded up."""
        return deadline_seconds(self.for_)


class Step(SpecModel):
    """One step of a rollout: exactly one of its fields."""

    rules: ClassVar = (
        Rule(
            "(has(self.shadow) ? 1 : 0) + (has(self.weight) ? 1 : 0) + (has(self.pause) ? 1 : 0) + "
            "(has(self.analyze) ? 1 : 0) + (has(self.experiment) ? 1 : 0) == 1",
            "a step is one of shadow, weight, pause, analyze or experiment: write several steps for several",
        ),
    )
    shadow: Shadow | None = None
    weight: Annotated[int, Field(ge=1, le=99)] | None = None
    """The candidate's share in percent: of new connections, or with a Gateway of requests. After the last
    step it gets everything."""
    pause: Pause | None = None
    analyze: Analyze | None = None
    experiment: Experiment | None = None

    @property
    def moves_traffic(self) -> bool:
        """Whether it is done when the data plane has taken it; the others wait for time, people or
        evidence."""
        return self.weight is not None or self.shadow is not None


class Rollout(SpecModel):
    """How a new revision takes over. Without steps it gets all traffic as soon as it is ready."""

    rules: ClassVar = (
        Rule(
            f"{_NO_STEPS} || has(self.steps[0].weight) || has(self.steps[0].shadow)",
            "the first step must be a weight or a shadow: without traffic there is nothing to wait for or to "
            "analyze",
        ),
        Rule(
            f"{_NO_STEPS} || self.steps.filter(step, has(step.shadow) || has(step.weight))"
            ".map(step, has(step.shadow) ? 0 : 1).isSorted()",
            "shadow steps come before the first weight, where all that the candidate gets is copied: move "
            "them there",
        ),
        Rule(
            "!has(self.analysis) || !has(self.analysis.metrics) || "
            "!self.analysis.metrics.exists(one, has(one.preset) && one.preset == 'agreement') || "
            "(has(self.steps) && self.steps.exists(step, has(step.shadow)))",
            "agreement compares answers to copied requests: add a shadow step, or remove the metric",
        ),
        Rule(
            f"{_NO_STEPS} || {_WEIGHED}.size() == 0 || has({_WEIGHED}[0].weight)",
            "an experiment needs a weight before it, because answers to copies reach nobody: add one",
        ),
    )
    steps: Annotated[tuple[Step, ...], Field(max_length=20), ATOMIC] = ()
    """What the candidate goes through, in order. Weights must increase."""
    analysis: Analysis = Field(default_factory=Analysis)
    on_stable_unhealthy: Literal["Hold", "Promote"] = "Hold"
    """What follows when no pod of stable has been ready for 15 s and the candidate answers. Hold: it waits
    for a person, or for stable, and no deadline counts. Promote: it takes all traffic without the steps that
    are left, unless its own error or latency metrics are beyond their limits."""
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
    probation: Probation | None = None
    """Without it the pods of the revision before go at promotion, and nobody watches over the new one."""
    scale_down_delay: Deadline | None = None
    """How long the revision before keeps all of its pods after a promotion, outside the Service, so that a
    rollback takes one pass. Without it they go at once, or at the end of the probation."""
    revision_history_limit: Annotated[int, Field(ge=1, le=10)] = 3
    """How many revisions that served before are kept as records, so that a rollback can make their pods
    again."""

    @property
    def deciding_metrics(self) -> tuple[Metric, ...]:
        """Those without which it stands still: they were asked to decide something, by a step or by the spec
        that lists them. The default metrics alone only watch over what goes on anyway."""
        analysis = self.analysis
        asked = (
            analysis.effective_metrics
            if any(s.analyze or s.experiment for s in self.steps)
            else analysis.metrics
        )
        return tuple(metric for metric in asked if metric.aborts)

    @property
    def progress_deadline_seconds(self) -> int:
        """`progressDeadline` in whole seconds, rounded up."""
        return deadline_seconds(self.progress_deadline)
