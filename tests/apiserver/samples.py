"""Valid objects, and small edits of them."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]
Edits = Mapping[str, Any]
"""What to change: a path such as `spec.data[0].uri` (list indices, or map keys that hold dots, in brackets)
and the new value, or ABSENT."""

ABSENT = object()
DIGEST = "sha256:" + "a" * 64


def experiment() -> Object:
    return {
        "apiVersion": "trimtab.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "flights-winter"},
        "spec": {
            "model": "flights",
            "dataContract": {
                "label": "late",
                "timeColumn": "time_hour",
                "groupColumn": "date",
                "columns": {"carrier": {"type": "string"}, "temp": {"type": "double", "nullable": True}},
            },
            "data": [
                {"name": split, "split": split, "uri": f"oci://registry.example:5000/flights/{split}:current"}
                for split in ("train", "validation", "evaluation", "reference")
            ],
            "parameters": {"iterations": "60"},
            "search": {"parameters": [{"name": "leaves", "type": "int", "min": "4", "max": "31"}]},
            "objective": {"metric": "logLoss", "goal": "minimize"},
            "budget": {"maxTrials": 3, "parallelTrials": 2, "maxFailedTrials": 1},
            "trial": {
                "image": "registry.example/flights@" + DIGEST,
                "command": ["python", "-m", "flights.train"],
                "args": ["--leaves=$(params.leaves)", "--iterations=$(params.iterations)"],
                "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
                "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": 1}},
                "deadline": "10m",
            },
            "evaluation": {
                "deadline": "5m",
                "gates": [
                    {"metric": "auc", "min": "0.55"},
                    {"metric": "logLoss", "notWorseThan": "Champion", "tolerance": "0.01"},
                ],
            },
        },
    }


def model_version() -> Object:
    return {
        "apiVersion": "trimtab.dev/v1alpha1",
        "kind": "ModelVersion",
        "metadata": {"name": "flights-v3", "labels": {"trimtab.dev/model": "flights"}},
        "spec": {
            "model": "flights",
            "version": 3,
            "artifact": {
                "repository": "flights/models",
                "digest": DIGEST,
                "format": "sklearn",
                "size": "1200Ki",
            },
            "runtime": {
                "image": "registry.example/flights@" + DIGEST,
                "framework": "scikit-learn==1.9.1",
                "python": "3.11",
            },
            "signature": {
                "inputs": [{"name": "temp", "datatype": "FP64", "nullable": True}],
                "outputs": [{"name": "late", "datatype": "FP64"}],
                "digest": DIGEST,
            },
            "profileDigest": DIGEST,
            "evaluation": {"dataDigest": DIGEST, "metrics": {"auc": "0.753"}},
            "lineage": {
                "experiment": {"name": "flights-winter", "uid": "0f3a"},
                "trial": 1,
                "data": {"train": DIGEST},
                "image": "registry.example/flights@" + DIGEST,
                "parameters": {"leaves": "8"},
                "seed": 7,
                "trigger": {"kind": "User"},
            },
        },
    }


def deployment() -> Object:
    return {
        "apiVersion": "trimtab.dev/v1alpha1",
        "kind": "Deployment",
        "metadata": {"name": "flights"},
        "spec": {
            "model": {"name": "flights", "version": 3, "digest": DIGEST},
            "serving": {
                "replicas": 3,
                "resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "512Mi"}},
                "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
                "nodeSelector": {"example.com/pool": "serving"},
                "tolerations": [{"key": "serving", "operator": "Exists", "effect": "NoSchedule"}],
            },
            "traffic": {"provider": "ReplicaRatio"},
            "rollout": {
                "steps": [
                    {"weight": 25},
                    {"analyze": {"minSamples": 500, "maxDuration": "1h"}},
                    {"weight": 50},
                    {"pause": {"for": "10m"}},
                ],
                "analysis": {
                    "alpha": "0.05",
                    "metrics": [
                        {"name": "errors", "preset": "errorRate", "maxAbsolute": "0.005"},
                        {"name": "slow", "preset": "latency", "quantile": "0.95", "maxDuration": "250ms"},
                        {"name": "skew", "preset": "trainServeSkew", "floor": "0.05"},
                        {"name": "shift", "preset": "predictionShift", "onFail": "Observe"},
                    ],
                    "onInconclusive": "Hold",
                },
                "progressDeadline": "15m",
            },
        },
    }


def drift_monitor() -> Object:
    return {
        "apiVersion": "trimtab.dev/v1alpha1",
        "kind": "DriftMonitor",
        "metadata": {"name": "flights"},
        "spec": {
            "deploymentRef": {"name": "flights"},
            "source": {"type": "Pods"},
            "window": "15s",
            "persistence": {"raise": 2, "of": 3},
            "signals": {
                "featureDrift": {"fdr": "0.01", "floor": "0.1", "clearFloor": "0.05"},
                "predictionDrift": {"floor": "0.1", "clearFloor": "0.05"},
                "dataQuality": {"maxMissingIncrease": "0.05", "maxUnseen": "0.05"},
                "realisedPerformance": {
                    "minLabelled": 300,
                    "metrics": [
                        {"metric": "logLoss", "maxIncrease": "0.05"},
                        {"metric": "auc", "maxDecrease": "0.1"},
                    ],
                },
            },
            "mode": "Auto",
            "retrain": {"experimentRef": {"name": "flights-winter"}},
            "limits": {"cooldown": "1h", "maxRetrainsPerDay": 2},
        },
    }


SAMPLES = {
    "Experiment": experiment,
    "ModelVersion": model_version,
    "Deployment": deployment,
    "DriftMonitor": drift_monitor,
}
PLURALS = {
    "Experiment": "experiments",
    "ModelVersion": "modelversions",
    "Deployment": "deployments",
    "DriftMonitor": "driftmonitors",
}


def edited(source: Object, edits: Edits) -> Object:
    """A copy with the edits made, in their order; members on the way are created."""
    result = copy.deepcopy(source)
    for path, value in edits.items():
        *parents, last = _steps(path)
        parent: Any = result
        for step in parents:
            parent = parent[step] if isinstance(step, int) else parent.setdefault(step, {})
        _put(parent, last, value)
    return result


def _steps(path: str) -> list[str | int]:
    words = re.findall(r"\[([^\]]*)\]|([^.\[\]]+)", path)
    return [int(inner) if inner.isdigit() else inner or plain for inner, plain in words]


def _put(parent: Any, step: str | int, value: Any) -> None:
    if value is ABSENT:
        del parent[step]
    elif isinstance(parent, list) and step == len(parent):
        parent.append(value)
    else:
        parent[step] = value
