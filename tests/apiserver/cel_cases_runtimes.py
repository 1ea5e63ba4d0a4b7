"""Cases for the serving runtime of a Deployment: its image, and what a canary on it may be judged by."""

from __future__ import annotations

from tests.apiserver.cel_case import SPEC, deployment
from tests.apiserver.samples import ABSENT, Edits

from trimtab.apis.v1alpha1.runtimes import RUNTIME_RULES

IMAGE = "spec.serving.image"
RUNTIME = "spec.serving.runtime"
METRICS = "spec.rollout.analysis.metrics"
STEPS = "spec.rollout.steps"
ERRORS = {"name": "errors", "preset": "errorRate"}
SLOW = {"name": "slow", "preset": "latency", "quantile": "0.95", "maxDuration": "250ms"}
SKEW = {"name": "skew", "preset": "trainServeSkew", "onFail": "Observe"}

LISTED, NO_SCORES, NO_LABELS, NO_DURATIONS, NO_ERRORS, NO_ANALYSIS = (rule.message for rule in RUNTIME_RULES)


def served_by(runtime: str, *metrics: object, **more: object) -> Edits:
    chosen = {METRICS: list(metrics) if metrics else ABSENT}
    return {RUNTIME: runtime, IMAGE: "registry.example/server:1", **chosen, **more}


COMPARED = {"experiment": {"for": "24h", "labelRate": {}}}
UNJUDGED = {STEPS: [{"weight": 25}, {"pause": {}}]}

CASES = (
    deployment(
        "spec.serving",
        "a runtime other than trimtab needs serving.image: Trimtab ships no image of it",
        accepted=served_by("mlserver", ERRORS),
        refused={RUNTIME: "mlserver", METRICS: [ERRORS]},
    ),
    deployment(
        "spec.serving",
        "runtime trimtab serves in the image that trained the version: remove serving.image, or set another "
        "serving.runtime",
        accepted={RUNTIME: "trimtab"},
        refused={IMAGE: "registry.example/server:1"},
    ),
    deployment(SPEC, LISTED, accepted=served_by("mlserver", ERRORS), refused=served_by("mlserver")),
    deployment(
        SPEC,
        NO_SCORES,
        accepted=served_by("mlserver", ERRORS, SLOW),
        refused=served_by("mlserver", ERRORS, SKEW),
    ),
    deployment(
        SPEC,
        NO_LABELS,
        accepted={RUNTIME: "trimtab", STEPS: [{"weight": 25}, COMPARED]},
        refused=served_by("mlserver", ERRORS, **{STEPS: [{"weight": 25}, COMPARED]}),
    ),
    deployment(
        SPEC,
        NO_DURATIONS,
        accepted=served_by("triton", ERRORS),
        refused=served_by("triton", ERRORS, SLOW),
    ),
    deployment(
        SPEC,
        NO_ERRORS,
        accepted=served_by("kserve", **UNJUDGED),
        refused=served_by("kserve", ERRORS, **UNJUDGED),
    ),
    deployment(
        SPEC,
        NO_ANALYSIS,
        accepted=served_by("kserve", **UNJUDGED),
        refused=served_by("kserve", **{STEPS: [{"weight": 25}, {"analyze": {}}]}),
    ),
)
