"""Cases for the rollout of a Deployment: steps, weights, and what a candidate is judged by."""

from __future__ import annotations

from tests.apiserver.cel_case import SPEC, deployment, metric
from tests.apiserver.samples import ABSENT

from trimtab.apis.v1alpha1.weights import WEIGHT_RULES

ROLLOUT = "spec.rollout"
STEPS = "spec.rollout.steps"
TRAFFIC = "spec.traffic"
BY_ROUTE = {"provider": "GatewayAPI", "gatewayRef": {"name": "edge"}, "hostnames": ["flights.example"]}
BETA = {"header": "x-beta", "value": "yes"}
NOT_BEFORE_1S = "a deadline must be at least 1s and at most 720h"


def weights(*values: int) -> list[dict[str, object]]:
    return [{"weight": value} for value in values]


SHADOWS: list[dict[str, object]] = [{"shadow": {"percent": 1}}, {"shadow": {"percent": 100}}]
COMPARED = {"experiment": {"for": "1h", "labelRate": {}}}

SORTED, REACHED, DIFFERENT = (rule.message for rule in WEIGHT_RULES)

STEP_RULES = (
    deployment(
        ROLLOUT,
        "the first step must be a weight or a shadow: without traffic there is nothing to wait for or to "
        "analyze",
        accepted={STEPS: []},
        refused={STEPS: [{"pause": {}}, *weights(50)]},
    ),
    deployment(
        f"{STEPS}[]",
        "a step is one of shadow, weight, pause, analyze or experiment: write several steps for several",
        accepted={STEPS: [*weights(50), {"analyze": {}}, {"pause": {}}]},
        refused={STEPS: [*weights(25), {"weight": 50, "pause": {}}]},
    ),
    deployment(
        ROLLOUT,
        "shadow steps come before the first weight, where all that the candidate gets is copied: move them "
        "there",
        accepted={TRAFFIC: BY_ROUTE, STEPS: [*SHADOWS, {"analyze": {}}, *weights(50)]},
        refused={TRAFFIC: BY_ROUTE, STEPS: [*weights(50), *SHADOWS]},
    ),
    deployment(
        ROLLOUT,
        "an experiment needs a weight before it, because answers to copies reach nobody: add one",
        accepted={TRAFFIC: BY_ROUTE, STEPS: [*SHADOWS, *weights(50), COMPARED, {"weight": 60}]},
        refused={TRAFFIC: BY_ROUTE, STEPS: [*SHADOWS, COMPARED, *weights(50)]},
    ),
    deployment(
        SPEC,
        "shadow steps need traffic.provider GatewayAPI, because a Service copies no requests: set it, or "
        "remove them",
        accepted={TRAFFIC: BY_ROUTE, STEPS: SHADOWS},
        refused={STEPS: SHADOWS},
    ),
    deployment(
        SPEC,
        SORTED,
        accepted={STEPS: weights(25, 50, 75)},
        refused={STEPS: weights(50, 25)},
    ),
    deployment(
        SPEC,
        REACHED,
        accepted={"spec.serving.replicas": 50, STEPS: weights(1, 50, 99)},
        refused={"spec.serving.replicas": 49, STEPS: weights(1), f"{TRAFFIC}.allowCoarse": False},
    ),
    deployment(
        SPEC,
        DIFFERENT,
        accepted={"spec.serving.replicas": 5, STEPS: weights(20, 40)},
        refused={"spec.serving.replicas": 4, STEPS: weights(5, 20), f"{TRAFFIC}.allowCoarse": True},
    ),
    deployment(
        TRAFFIC,
        "allowCoarse belongs to provider ReplicaRatio, a Gateway gives each weight exactly: remove it",
        accepted={TRAFFIC: {"allowCoarse": True}},
        refused={TRAFFIC: BY_ROUTE | {"allowCoarse": True}},
    ),
    deployment(
        TRAFFIC,
        "gatewayRef and hostnames belong to provider GatewayAPI: set it, or remove them",
        accepted={TRAFFIC: BY_ROUTE, STEPS: weights(1, 2), "spec.serving.replicas": 1},
        refused={TRAFFIC: BY_ROUTE | {"provider": "ReplicaRatio"}},
    ),
    deployment(
        TRAFFIC,
        "provider GatewayAPI needs gatewayRef and at least one of hostnames: add them",
        accepted={TRAFFIC: BY_ROUTE | {"hostnames": ["*.example", "a.b.example"]}},
        refused={TRAFFIC: BY_ROUTE | {"hostnames": []}},
    ),
    deployment(
        TRAFFIC,
        "testers and sticky belong to provider GatewayAPI, because a Service reads no headers: set it, "
        "or remove them",
        accepted={TRAFFIC: BY_ROUTE | {"sticky": {"header": "x-user"}, "testers": BETA}},
        refused={TRAFFIC: {"provider": "ReplicaRatio", "testers": BETA}},
    ),
    deployment(
        f"{STEPS}[].pause.for",
        NOT_BEFORE_1S,
        accepted={STEPS: [*weights(25), {"pause": {"for": "1s"}}]},
        refused={STEPS: [*weights(25), {"pause": {"for": "999ms"}}]},
    ),
    deployment(
        f"{STEPS}[].analyze.maxDuration",
        NOT_BEFORE_1S,
        accepted={STEPS: [*weights(25), {"analyze": {"maxDuration": "1m30s"}}]},
        refused={STEPS: [*weights(25), {"analyze": {"maxDuration": "0s"}}]},
    ),
    deployment(
        f"{STEPS}[].experiment.for",
        NOT_BEFORE_1S,
        accepted={STEPS: [*weights(25), {"experiment": {"for": "1s", "labelRate": {"better": "Lower"}}}]},
        refused={STEPS: [*weights(25), {"experiment": {"for": "0s", "labelRate": {}}}]},
    ),
    deployment(
        "spec.rollout.probation.for",
        NOT_BEFORE_1S,
        accepted={"spec.rollout.probation": {"for": "720h", "keepWarm": 0}},
        refused={"spec.rollout.probation": {"for": "721h"}},
    ),
    deployment(
        "spec.rollout.scaleDownDelay",
        NOT_BEFORE_1S,
        accepted={"spec.rollout.scaleDownDelay": "5m"},
        refused={"spec.rollout.scaleDownDelay": "0s"},
    ),
    deployment(
        "spec.rollout.progressDeadline",
        NOT_BEFORE_1S,
        accepted={"spec.rollout.progressDeadline": ABSENT},
        refused={"spec.rollout.progressDeadline": "0h"},
    ),
)

QUERY = {"query": 'up{revision="{{revision}}"}', "sourceRef": {"name": "main"}}

ANALYSIS = (
    deployment(
        "spec.rollout.analysis",
        "alpha is a probability between 0 and 1, such as 0.05",
        accepted={"spec.rollout.analysis.alpha": "1e-3"},
        refused={"spec.rollout.analysis.alpha": "0"},
    ),
    metric(
        "a metric is a preset or a query: give one of them",
        accepted={**QUERY, "maxValue": "3"},
        refused={**QUERY, "maxValue": "3", "preset": "errorRate"},
    ),
    metric(
        "query needs sourceRef; beside it only errorRate and latency take it, to be counted from there",
        accepted={"preset": "errorRate", "sourceRef": {"name": "main"}},
        refused={"preset": "clientErrors", "sourceRef": {"name": "main"}},
    ),
    metric(
        "query needs either maxRatio or maxValue, and only query takes them",
        accepted={**QUERY, "maxRatio": "1.5"},
        refused={**QUERY, "maxRatio": "1.5", "maxValue": "3"},
    ),
    metric(
        "consecutive belongs to query: remove it",
        accepted={**QUERY, "maxRatio": "1.5", "consecutive": 5},
        refused={"preset": "errorRate", "consecutive": 5},
    ),
    metric(
        "query must hold {{revision}}, so that each side is asked for its own value",
        accepted={
            **QUERY,
            "maxValue": "3",
            "query": 'up{job="{{namespace}}/{{deployment}}", revision="{{revision}}"}',
        },
        refused={**QUERY, "maxValue": "3", "query": "sum(up)"},
    ),
    metric(
        "query may hold the placeholders {{revision}}, {{deployment}}, {{namespace}} and no other",
        accepted={**QUERY, "maxValue": "3"},
        refused={**QUERY, "maxValue": "3", "query": 'up{revision="{{revision}}", pod="{{pod}}"}'},
    ),
    metric(
        "maxRatio must be above 0, such as 1.5",
        accepted={**QUERY, "maxRatio": "0.1"},
        refused={**QUERY, "maxRatio": "0"},
    ),
    metric(
        "latency needs quantile and maxDuration, and only latency takes them",
        accepted={"preset": "latency", "quantile": "0.5", "maxDuration": "5ms"},
        refused={"preset": "latency", "quantile": "0.5"},
    ),
    metric(
        "maxAbsolute belongs to errorRate and clientErrors: remove it",
        accepted={"preset": "errorRate", "maxAbsolute": "0.01"},
        refused={"preset": "trainServeSkew", "maxAbsolute": "0.01"},
    ),
    metric(
        "maxRelativeIncrease belongs to errorRate, clientErrors and latency: remove it",
        accepted={"preset": "latency", "quantile": "0.99", "maxDuration": "1s", "maxRelativeIncrease": "2"},
        refused={"preset": "predictionShift", "maxRelativeIncrease": "2"},
    ),
    metric(
        "floor belongs to trainServeSkew and predictionShift: remove it",
        accepted={"preset": "predictionShift", "floor": "0.1"},
        refused={"preset": "errorRate", "floor": "0.1"},
    ),
    metric(
        "saturation needs maxInFlight, and only saturation takes it",
        accepted={"preset": "saturation", "maxInFlight": "4"},
        refused={"preset": "saturation"},
    ),
    metric(
        "saturation is observed only, because a bound on load has no error control: remove onFail, or set it "
        "to Observe; to abort a candidate that is too slow under load use latency",
        accepted={"preset": "saturation", "maxInFlight": "4", "onFail": "Observe"},
        refused={"preset": "saturation", "maxInFlight": "4", "onFail": "Abort"},
    ),
    metric(
        "maxInFlight must be above 0, such as 4",
        accepted={"preset": "saturation", "maxInFlight": "0.5"},
        refused={"preset": "saturation", "maxInFlight": "0"},
    ),
    metric(
        "predictionShift is observed only, because a model retrained for drift must differ: "
        "remove onFail, or set it to Observe",
        accepted={"preset": "predictionShift"},
        refused={"preset": "predictionShift", "onFail": "Abort"},
    ),
    metric(
        "quantile lies between 0.5 and 1, such as 0.95",
        accepted={"preset": "latency", "quantile": "0.999", "maxDuration": "10s"},
        refused={"preset": "latency", "quantile": "1", "maxDuration": "10s"},
    ),
    metric(
        "maxRelativeIncrease may not be negative: a candidate need not be better than stable",
        accepted={"preset": "errorRate", "maxRelativeIncrease": "0"},
        refused={"preset": "errorRate", "maxRelativeIncrease": "-0.1"},
    ),
    metric(
        "maxAbsolute is a share between 0 and 1, such as 0.005",
        accepted={"preset": "errorRate", "maxAbsolute": "0.5"},
        refused={"preset": "errorRate", "maxAbsolute": "1"},
    ),
    metric(
        "floor must be above 0, such as 0.05",
        accepted={"preset": "trainServeSkew", "floor": "1e-3"},
        refused={"preset": "trainServeSkew", "floor": "0"},
    ),
)

METRICS = f"{ROLLOUT}.analysis.metrics"
SHADOWED = {TRAFFIC: BY_ROUTE, STEPS: SHADOWS}


def agreeing(**fields: str) -> list[dict[str, str]]:
    return [{"name": "one", "preset": "agreement", **fields}]


AGREEMENT = (
    deployment(
        f"{METRICS}[]",
        "agreement needs minAgreement, and only agreement takes it",
        accepted=SHADOWED | {METRICS: agreeing(minAgreement="0.95", onFail="Abort")},
        refused=SHADOWED | {METRICS: agreeing()},
    ),
    deployment(
        f"{METRICS}[]",
        "minAgreement is a share between 0 and 1, such as 0.9",
        accepted=SHADOWED | {METRICS: agreeing(minAgreement="0.5")},
        refused=SHADOWED | {METRICS: agreeing(minAgreement="1")},
    ),
    deployment(
        ROLLOUT,
        "agreement compares answers to copied requests: add a shadow step, or remove the metric",
        accepted=SHADOWED | {METRICS: agreeing(minAgreement="0.5")},
        refused={TRAFFIC: BY_ROUTE, STEPS: weights(50), METRICS: agreeing(minAgreement="0.5")},
    ),
)

CASES = (*STEP_RULES, *ANALYSIS, *AGREEMENT)
