"""Cases for how an Experiment runs, for its status, and for ModelVersions."""

from __future__ import annotations

from tests.apiserver.cel_case import (
    MEMBER_NAMES,
    METRIC_NAMES,
    QUALIFIED_NAMES,
    SPEC,
    TRIAL,
    WRONG_ORDER,
    Case,
    experiment,
    gate,
    status,
    toleration,
)
from tests.apiserver.samples import DIGEST

TRIALS = (
    experiment(
        TRIAL,
        "$(params.<name>) works in trial.args only: move it from trial.command there",
        accepted={"spec.trial.command": ["train", "$(HOME)"]},
        refused={"spec.trial.command": ["train", "$(params.leaves)"]},
    ),
    experiment(
        "spec.trial.env[]",
        "names that start with TRIMTAB_ are reserved: rename it",
        accepted={"spec.trial.env": [{"name": "TRIM"}]},
        refused={"spec.trial.env": [{"name": "TRIMTAB_CONFIG"}]},
    ),
    experiment(
        "spec.trial.env[]",
        "$(params.<name>) works in trial.args only: move it from trial.env there",
        accepted={"spec.trial.env": [{"name": "A", "value": "params.leaves"}]},
        refused={"spec.trial.env": [{"name": "A", "value": "$(params.leaves)"}]},
    ),
    experiment(
        "spec.trial.resources",
        "a request may not be greater than the limit of the same resource",
        accepted={"spec.trial.resources": {"requests": {"cpu": 1}, "limits": {"cpu": "1000m"}}},
        refused={"spec.trial.resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
    ),
    experiment(
        "spec.trial.resources.requests",
        QUALIFIED_NAMES,
        accepted={"spec.trial.resources.requests": {"nvidia.com/gpu": 1}},
        refused={"spec.trial.resources.requests": {"a b": 1}},
    ),
    experiment(
        "spec.trial.resources.limits",
        QUALIFIED_NAMES,
        accepted={"spec.trial.resources.limits": {"memory": "1.5Gi", "ephemeral-storage": "1G"}},
        refused={"spec.trial.resources.limits": {"-memory": "1Gi"}},
    ),
    experiment(
        "spec.trial.nodeSelector",
        QUALIFIED_NAMES,
        accepted={"spec.trial.nodeSelector": {"example.com/pool": "gpu"}},
        refused={"spec.trial.nodeSelector": {"example.com/": "gpu"}},
    ),
    experiment(
        "spec.trial.deadline",
        "a deadline must be at least 1s and at most 720h",
        accepted={"spec.trial.deadline": "1s"},
        refused={"spec.trial.deadline": "999ms"},
    ),
    toleration(
        "operator Exists takes no value: leave value out, or use operator: Equal",
        accepted={"operator": "Exists"},
        refused={"key": "gpu", "operator": "Exists", "value": "true"},
    ),
    toleration(
        "operator Equal (the default) needs a key: name the taint, or use operator: Exists",
        accepted={"key": "gpu", "value": "true", "effect": "NoSchedule"},
        refused={"value": "true"},
    ),
    toleration(
        "tolerationSeconds needs effect: NoExecute",
        accepted={"key": "gpu", "effect": "NoExecute", "tolerationSeconds": 30},
        refused={"key": "gpu", "tolerationSeconds": 30},
    ),
)

EVALUATION = (
    experiment(
        "spec.evaluation.deadline",
        "a deadline must be at least 1s and at most 720h",
        accepted={"spec.evaluation.deadline": "719h59m60s"},
        refused={"spec.evaluation.deadline": "720h1s"},
    ),
    gate(
        "a gate has either bounds (min, max) or notWorseThan, not both: for both, write two gates",
        accepted={"notWorseThan": "Champion", "tolerance": "0"},
        refused={"notWorseThan": "Champion", "tolerance": "0", "min": "0.5"},
    ),
    gate(
        "tolerance and notWorseThan belong together: set both, or neither",
        accepted={"max": "0.9"},
        refused={"max": "0.9", "tolerance": "0.1"},
    ),
    gate(
        "require needs notWorseThan: Champion",
        accepted={"notWorseThan": "Champion", "tolerance": "0.1", "require": "LowerBound"},
        refused={"min": "0.5", "require": "LowerBound"},
    ),
    gate(
        WRONG_ORDER,
        accepted={"min": "0.5", "max": "0.5"},
        refused={"min": "0.9", "max": "0.5"},
    ),
    gate(
        "tolerance may not be negative",
        accepted={"notWorseThan": "Champion", "tolerance": "1e-3"},
        refused={"notWorseThan": "Champion", "tolerance": "-0.01"},
    ),
)


EXPERIMENT_STATUS = (
    status(
        "status.trials[].parameters",
        MEMBER_NAMES,
        {"status.trials": [{"index": 1, "parameters": {"leaves": "8"}}]},
        {"status.trials": [{"index": 1, "parameters": {"a b": "8"}}]},
    ),
    status(
        "status.trials[].metrics",
        METRIC_NAMES,
        {"status.trials": [{"index": 1, "metrics": {"logLoss": "5e-324"}}]},
        {"status.trials": [{"index": 1, "metrics": {"_logLoss": "0.5"}}]},
    ),
    status(
        "status.evaluation.metrics",
        METRIC_NAMES,
        {"status.evaluation": {"dataDigest": DIGEST, "metrics": {"auc": "1.7976931348623157e+308"}}},
        {"status.evaluation": {"dataDigest": DIGEST, "metrics": {"": "0.5"}}},
    ),
)

MODEL_VERSIONS = (
    Case(
        "ModelVersion",
        "",
        "metadata.name must be <spec.model>-v<spec.version>",
        accepted={"metadata.name": "flights-v12", "spec.version": 12},
        refused={"metadata.name": "flights-v03"},
    ),
    Case(
        "ModelVersion",
        SPEC,
        "a ModelVersion is immutable: train again to get a new version",
        accepted={"metadata.labels.team": "ops"},
        refused={"spec.lineage.seed": 8},
        stored={"metadata.name": "flights-v4", "spec.version": 4},
    ),
    Case(
        "ModelVersion",
        "spec.evaluation.metrics",
        METRIC_NAMES,
        accepted={"spec.evaluation.metrics": {"a" * 63: "0.5"}},
        refused={"spec.evaluation.metrics": {"a" * 64: "0.5"}},
    ),
    Case(
        "ModelVersion",
        "spec.lineage.data",
        MEMBER_NAMES,
        accepted={"spec.lineage.data": {"train-2": DIGEST}},
        refused={"spec.lineage.data": {"2-train": DIGEST}},
    ),
    Case(
        "ModelVersion",
        "spec.lineage.parameters",
        MEMBER_NAMES,
        accepted={"spec.lineage.parameters": {}},
        refused={"spec.lineage.parameters": {"a/b": "1"}},
    ),
)

CASES = (*TRIALS, *EVALUATION, *EXPERIMENT_STATUS, *MODEL_VERSIONS)
