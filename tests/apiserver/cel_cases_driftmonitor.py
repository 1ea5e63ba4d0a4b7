"""Cases for what a DriftMonitor watches, and for who started an Experiment."""

from __future__ import annotations

from tests.apiserver.cel_case import SPEC, Case, experiment, fixed, monitor

SIGNALS = "spec.signals"
FEATURES = "spec.signals.featureDrift"
SCORES = "spec.signals.predictionDrift"
QUALITY = "spec.signals.dataQuality"
METRICS = "spec.signals.realisedPerformance.metrics"
FLOOR = "floor must be above 0, such as 0.05"
CLEAR = "clearFloor (default 0.03) may not be above floor (default 0.05): raise floor, or lower clearFloor"

IDENTITY = (
    monitor(
        "",
        "metadata.name may have at most 40 characters: Jobs and pods are named after it",
        accepted={"metadata.name": "n" * 40},
        refused={"metadata.name": "n" * 41},
    ),
    Case(
        "DriftMonitor",
        SPEC,
        "deploymentRef cannot change: create a new DriftMonitor",
        accepted={"spec.mode": "Observe"},
        refused={"spec.deploymentRef.name": "trains"},
        stored={},
    ),
)

WINDOWS = (
    monitor(
        "spec.window",
        "window must be at least 1s and at most 168h",
        accepted={"spec.window": "168h"},
        refused={"spec.window": "168h1s"},
    ),
    monitor(
        "spec.window",
        "window is in whole seconds: write it in s, m or h",
        accepted={"spec.window": "1m30s"},
        refused={"spec.window": "1500ms"},
    ),
    monitor(
        "spec.persistence",
        "raise (default 2) may not be above of (default 3): lower raise, or set both",
        accepted={"spec.persistence": {"raise": 3}},
        refused={"spec.persistence": {"of": 1}},
    ),
    monitor(
        "spec.limits",
        "cooldown must be at most 720h",
        accepted={"spec.limits.cooldown": "720h"},
        refused={"spec.limits.cooldown": "720h1s"},
    ),
)

WATCHED = (
    monitor(
        SIGNALS,
        "signals needs at least one of featureDrift, predictionDrift, dataQuality, realisedPerformance",
        accepted={SIGNALS: {"predictionDrift": {}}},
        refused={SIGNALS: {}},
    ),
    monitor(
        FEATURES,
        FLOOR,
        accepted={FEATURES: {"floor": "0.001", "clearFloor": "0"}},
        refused={FEATURES: {"floor": "0", "clearFloor": "0"}},
    ),
    monitor(
        FEATURES,
        CLEAR,
        accepted={FEATURES: {"floor": "0.02", "clearFloor": "0.02"}},
        refused={FEATURES: {"floor": "0.02"}},
    ),
    monitor(
        FEATURES,
        "fdr is a rate above 0 and at most 0.5, such as 0.01",
        accepted={FEATURES: {"fdr": "0.5"}},
        refused={FEATURES: {"fdr": "0.51"}},
    ),
    monitor(
        SCORES,
        FLOOR,
        accepted={SCORES: {"floor": "0.001", "clearFloor": "0"}},
        refused={SCORES: {"floor": "0", "clearFloor": "0"}},
    ),
    monitor(
        SCORES,
        CLEAR,
        accepted={SCORES: {"clearFloor": "0.05"}},
        refused={SCORES: {"clearFloor": "0.06"}},
    ),
    monitor(
        QUALITY,
        "maxMissingIncrease is a share above 0 and at most 1, such as 0.05",
        accepted={QUALITY: {"maxMissingIncrease": "1"}},
        refused={QUALITY: {"maxMissingIncrease": "0"}},
    ),
    monitor(
        QUALITY,
        "maxUnseen is a share above 0 and at most 1, such as 0.05",
        accepted={QUALITY: {"maxUnseen": "0.5"}},
        refused={QUALITY: {"maxUnseen": "1.5"}},
    ),
    monitor(
        f"{METRICS}[]",
        "logLoss and brier are worse when higher and take maxIncrease; auc takes maxDecrease",
        accepted={METRICS: [{"metric": "brier", "maxIncrease": "0.01"}]},
        refused={METRICS: [{"metric": "auc", "maxIncrease": "0.01"}]},
    ),
    monitor(
        f"{METRICS}[]",
        "maxIncrease and maxDecrease may not be negative: they say how much worse is tolerated",
        accepted={METRICS: [{"metric": "auc", "maxDecrease": "0"}]},
        refused={METRICS: [{"metric": "auc", "maxDecrease": "-0.01"}]},
    ),
)

TRIGGER = "spec.trigger"
NAME_AND_DECISION = "name and decision belong to kind: DriftMonitor: give both with it, and neither with User"
BY_MONITOR = {"kind": "DriftMonitor", "name": "flights", "decision": "d-41"}

TRIGGERS = (
    fixed("trigger", "cannot be added, removed or changed", {TRIGGER: BY_MONITOR}),
    experiment(
        TRIGGER,
        NAME_AND_DECISION,
        accepted={TRIGGER: BY_MONITOR},
        refused={TRIGGER: {"kind": "DriftMonitor", "name": "flights"}},
    ),
    Case(
        "ModelVersion",
        "spec.lineage.trigger",
        NAME_AND_DECISION,
        accepted={"spec.lineage.trigger": BY_MONITOR},
        refused={"spec.lineage.trigger.name": "flights"},
    ),
)

CASES = (*IDENTITY, *WINDOWS, *WATCHED, *TRIGGERS)
