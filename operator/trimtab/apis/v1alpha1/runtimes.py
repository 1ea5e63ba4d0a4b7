"""CEL rules over a Deployment's runtime: a canary is not asked for what its server does not count.

What each runtime counts is said by `trimtab.deployment.runtimes`; a test holds both against each other.
"""

from trimtab.apis.markers import Rule

_RUNTIME = "self.?serving.?runtime.orValue('trimtab')"
# By has() and not by orValue([]), for which the API server estimates an unbounded list.
_STEPS, _METRICS = "self.rollout.steps", "self.rollout.analysis.metrics"
_HAS_STEPS = f"has(self.rollout) && has({_STEPS}) && {_STEPS}.size() > 0"
_HAS_METRICS = f"has(self.rollout) && has(self.rollout.analysis) && has({_METRICS}) && {_METRICS}.size() > 0"


def _any_metric(*presets: str) -> str:
    return f"({_HAS_METRICS} && {_METRICS}.exists(m, has(m.preset) && m.preset in {list(presets)}))"


RUNTIME_RULES = (
    Rule(
        f"{_RUNTIME} in ['trimtab', 'kserve'] || !({_HAS_STEPS}) || ({_HAS_METRICS})",
        "a runtime other than trimtab exports no counts of features and scores, which are judged by default: "
        "list rollout.analysis.metrics, such as one with preset errorRate",
    ),
    Rule(
        f"{_RUNTIME} == 'trimtab' || "
        f"!{_any_metric('trainServeSkew', 'predictionShift', 'clientErrors', 'saturation')}",
        "a runtime other than trimtab exports no counts of features, scores, refused requests and durations: "
        "remove the metrics with preset trainServeSkew, predictionShift, clientErrors or saturation",
    ),
    Rule(
        f"{_RUNTIME} == 'trimtab' || !({_HAS_STEPS} && {_STEPS}.exists(s, has(s.experiment)))",
        "a runtime other than trimtab takes no labels to compare: remove the experiment steps",
    ),
    Rule(
        f"{_RUNTIME} != 'triton' || !{_any_metric('latency')}",
        "runtime triton exports no histogram of durations: remove the metrics with preset latency",
    ),
    Rule(
        f"{_RUNTIME} != 'kserve' || !{_any_metric('errorRate', 'latency')}",
        "runtime kserve exports no counts of errors: remove the metrics with preset errorRate or latency",
    ),
    Rule(
        f"{_RUNTIME} != 'kserve' || !({_HAS_STEPS} && {_STEPS}.exists(s, has(s.analyze)))",
        "runtime kserve exports nothing to analyze: use weight and pause steps; the health of the pods is "
        "judged",
    ),
)
