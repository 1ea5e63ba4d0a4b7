"""What a candidate is judged by: metrics, and the error probability they share."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from trimtab.apis.markers import Rule, list_map
from trimtab.apis.v1alpha1.meta import Decimal, DnsLabel, SpecModel

LatencyEdge = Literal["5ms", "10ms", "25ms", "50ms", "100ms", "250ms", "500ms", "1s", "2500ms", "5s", "10s"]
"""The bucket edges of the servers' latency histogram: a share above any other duration is not counted."""

OBSERVED_PRESETS = frozenset({"clientErrors", "saturation", "predictionShift", "agreement"})
"""Shown in status only, unless the spec says Abort where it may."""

REVISION = "{{revision}}"
PLACEHOLDERS = (REVISION, "{{deployment}}", "{{namespace}}")
"""What a query may hold in place of the side that is asked for."""

_PRESET = "self.?preset.orValue('')"
_WITHOUT_PLACEHOLDERS = "".join(f".replace('{placeholder}', '')" for placeholder in PLACEHOLDERS)


class SourceReference(SpecModel):
    """A source that the operator's configuration names."""

    name: DnsLabel
    """Name of one of `prometheus.sources` of the chart."""


class Metric(SpecModel):
    """One thing the candidate is judged by."""

    rules: ClassVar = (
        Rule(
            "has(self.preset) != has(self.query)",
            "a metric is a preset or a query: give one of them",
        ),
        Rule(
            f"has(self.query) ? has(self.sourceRef) : "
            f"(!has(self.sourceRef) || {_PRESET} in ['errorRate', 'latency'])",
            "query needs sourceRef; beside it only errorRate and latency take it, to be counted from there",
        ),
        Rule(
            "has(self.query) ? has(self.maxRatio) != has(self.maxValue) "
            ": !has(self.maxRatio) && !has(self.maxValue)",
            "query needs either maxRatio or maxValue, and only query takes them",
        ),
        Rule("has(self.query) || !has(self.consecutive)", "consecutive belongs to query: remove it"),
        Rule(
            f"!has(self.query) || self.query.contains('{REVISION}')",
            f"query must hold {REVISION}, so that each side is asked for its own value",
        ),
        Rule(
            f"!has(self.query) || !self.query{_WITHOUT_PLACEHOLDERS}.contains('{{{{')",
            f"query may hold the placeholders {', '.join(PLACEHOLDERS)} and no other",
        ),
        Rule("!has(self.maxRatio) || double(self.maxRatio) > 0.0", "maxRatio must be above 0, such as 1.5"),
        Rule(
            f"({_PRESET} == 'latency') == (has(self.maxDuration) && has(self.quantile))",
            "latency needs quantile and maxDuration, and only latency takes them",
        ),
        Rule(
            f"{_PRESET} in ['errorRate', 'clientErrors'] || !has(self.maxAbsolute)",
            "maxAbsolute belongs to errorRate and clientErrors: remove it",
        ),
        Rule(
            f"{_PRESET} in ['errorRate', 'clientErrors', 'latency'] || !has(self.maxRelativeIncrease)",
            "maxRelativeIncrease belongs to errorRate, clientErrors and latency: remove it",
        ),
        Rule(
            f"{_PRESET} in ['trainServeSkew', 'predictionShift'] || !has(self.floor)",
            "floor belongs to trainServeSkew and predictionShift: remove it",
        ),
        Rule(
            f"({_PRESET} == 'saturation') == has(self.maxInFlight)",
            "saturation needs maxInFlight, and only saturation takes it",
        ),
        Rule(
            f"{_PRESET} != 'saturation' || self.?onFail.orValue('Observe') == 'Observe'",
            "saturation is observed only, because a bound on load has no error control: remove onFail, or "
            "set it to Observe; to abort a candidate that is too slow under load use latency",
        ),
        Rule(
            f"{_PRESET} != 'predictionShift' || self.?onFail.orValue('Observe') == 'Observe'",
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
        Rule(
            "!has(self.maxInFlight) || double(self.maxInFlight) > 0.0",
            "maxInFlight must be above 0, such as 4",
        ),
        Rule(
            f"({_PRESET} == 'agreement') == has(self.minAgreement)",
            "agreement needs minAgreement, and only agreement takes it",
        ),
        Rule(
            "!has(self.minAgreement) || (double(self.minAgreement) > 0.0 && double(self.minAgreement) < 1.0)",
            "minAgreement is a share between 0 and 1, such as 0.9",
        ),
        Rule("!has(self.floor) || double(self.floor) > 0.0", "floor must be above 0, such as 0.05"),
    )
    name: DnsLabel
    """Name of the metric in status."""
    preset: (
        Literal[
            "errorRate",
            "clientErrors",
            "latency",
            "saturation",
            "trainServeSkew",
            "predictionShift",
            "agreement",
        ]
        | None
    ) = None
    """errorRate: connections (with a Gateway: requests) that met an error, candidate against stable.
    clientErrors: requests that were refused (4xx), candidate against stable. latency: the share of requests
    slower than `maxDuration`. saturation: requests in a pod at a time. trainServeSkew: the candidate's live
    inputs and scores against its own reference profile. predictionShift: the candidate's scores against
    stable's. agreement: the classes that both give to the same request, while requests are copied."""
    query: Annotated[str, Field(min_length=1, max_length=2048)] | None = None
    """PromQL instead of a preset, evaluated for each side at the same moment; it must give one number.
    `{{revision}}`, `{{deployment}}` and `{{namespace}}` stand for the side that is asked for. A query has no
    error control: `alpha` says nothing about it."""
    source_ref: SourceReference | None = None
    """Who is asked the query. On errorRate and latency: who is asked for the counters of the pods, which the
    operator reads from the pods themselves without it."""
    max_ratio: Decimal | None = None
    """Largest value of the candidate over that of stable, such as "1.5"."""
    max_value: Decimal | None = None
    """Largest value of the candidate, whatever stable's is; stable is not asked then."""
    consecutive: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many looks in a row must be beyond the bound to fail, or within it to pass. Default 3."""
    max_relative_increase: Decimal | None = None
    """By how much the candidate's rate may exceed stable's: "1.0" (the default of errorRate and clientErrors)
    is twice as much, "0" (the default of latency) is no more."""
    max_absolute: Decimal | None = None
    """A share of error connections, or of refused requests, at or under which the candidate passes whatever
    stable does. Default "0.005"."""
    quantile: Decimal | None = None
    """The quantile of the latency that `maxDuration` bounds, such as "0.95"."""
    max_duration: LatencyEdge | None = None
    """The longest duration that quantile may have."""
    max_in_flight: Decimal | None = None
    """Most requests that a pod of the candidate may hold at a time, in the mean over about a minute."""
    floor: Decimal | None = None
    """Smallest distance (psiAdjusted) that matters. Default "0.05"."""
    min_agreement: Decimal | None = None
    """The smallest share of copied requests to which both sides give the same class."""
    on_fail: Literal["Abort", "Observe"] | None = None
    """Abort (the default of errorRate, latency, trainServeSkew and a query): a failure ends the rollout and
    the candidate is quarantined. Observe: it is shown in status only."""

    @property
    def looks_to_verdict(self) -> int:
        """`consecutive`, or its default."""
        return self.consecutive or 3

    @property
    def aborts(self) -> bool:
        """Whether a failure ends the rollout."""
        default = "Observe" if self.preset in OBSERVED_PRESETS else "Abort"
        return (self.on_fail or default) == "Abort"


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
