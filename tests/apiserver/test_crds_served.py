"""The CRDs as users meet them: strict clients, columns of kubectl, the largest object, our own models."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from tests.apiserver.samples import (
    DIGEST,
    PLURALS,
    SAMPLES,
    Object,
    deployment,
    drift_monitor,
    edited,
    experiment,
)
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import KubectlFailed

from trimtab.apis import crd
from trimtab.apis.v1alpha1.meta import Resource

KINDS = pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.name)


def create(plane: ControlPlane, namespace: str, body: Object) -> Object:
    text = plane.kubectl("create", "-n", namespace, "-f", "-", "-o", "json", stdin=json.dumps(body))
    stored: Object = json.loads(text)
    return stored


@KINDS
@pytest.mark.parametrize("path", ["unknown", "spec.unknown", "deep"])
def test_unknown_fields_are_refused_by_name(
    kind: crd.Kind, path: str, control_plane: ControlPlane, namespace: str
) -> None:
    deepest = {
        "Experiment": "spec.trial.env[0].unknown",
        "ModelVersion": "spec.signature.inputs[0].unknown",
        "Deployment": "spec.rollout.steps[1].analyze.unknown",
        "DriftMonitor": "spec.signals.realisedPerformance.metrics[0].unknown",
    }
    path = deepest[kind.name] if path == "deep" else path
    body = edited(SAMPLES[kind.name](), {path: "x"})
    with pytest.raises(KubectlFailed) as refused:
        create(control_plane, namespace, body)
    assert f'unknown field "{path}"' in str(refused.value)


@KINDS
def test_the_operator_reads_what_the_server_stores(
    kind: crd.Kind, control_plane: ControlPlane, namespace: str
) -> None:
    stored = create(control_plane, namespace, SAMPLES[kind.name]())
    parsed: Resource = kind.model.model_validate(stored)
    assert kind.model.model_validate(parsed.to_wire()) == parsed
    written = {**stored, "metadata": {"name": "flights-v3", "namespace": f"{namespace}"}}
    written["spec"] = parsed.to_wire()["spec"]
    control_plane.kubectl(
        "delete", f"{PLURALS[kind.name]}.trimtab.dev", stored["metadata"]["name"], "-n", namespace
    )
    assert (
        kind.model.model_validate(create(control_plane, namespace, written)).to_wire()["spec"]
        == (parsed.to_wire()["spec"])
    )


@KINDS
def test_applying_the_same_file_again_changes_nothing(
    kind: crd.Kind, control_plane: ControlPlane, namespace: str
) -> None:
    text = yaml.safe_dump(SAMPLES[kind.name]())
    apply = ("apply", "-n", namespace, "-f", "-", "-o", "json")
    first, second = (json.loads(control_plane.kubectl(*apply, stdin=text)) for _ in range(2))
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]
    assert first["spec"] == SAMPLES[kind.name]()["spec"]


def test_columns_answer_is_it_fine_where_is_it_and_why(control_plane: ControlPlane, namespace: str) -> None:
    create(control_plane, namespace, experiment())
    status = {
        "phase": "GateFailed",
        "winner": 2,
        "conditions": [
            _condition("Ready", "False", "GateFailed"),
            _condition("Stalled", "True", "GateFailed"),
        ],
    }
    patch = json.dumps({"status": status})
    target = ("mexp", "flights-winter", "-n", namespace)
    control_plane.kubectl("patch", *target, "--subresource=status", "--type=merge", "-p", patch)
    header, row = control_plane.kubectl("get", *target).splitlines()
    assert header.split() == ["NAME", "MODEL", "READY", "PHASE", "REASON", "VERSION", "AGE"]
    assert row.split()[:5] == ["flights-winter", "flights", "False", "GateFailed", "GateFailed"]


def test_columns_of_a_rollout_show_both_sides_and_the_weight(
    control_plane: ControlPlane, namespace: str
) -> None:
    create(control_plane, namespace, deployment())
    side = {"digest": DIGEST, "revision": "5f3c09aa"}
    status = {
        "phase": "Progressing",
        "stable": side | {"modelVersion": "flights-v2"},
        "candidate": side | {"modelVersion": "flights-v3", "revision": "8a11d2c4"},
        "step": {"index": 1, "startedAt": "2026-01-01T00:00:00Z"},
        "weight": {"desired": 25, "applied": 25, "observed": 24},
        "conditions": [_condition("Ready", "False", "Analyzing")],
    }
    patch = json.dumps({"status": status})
    target = ("mdep", "flights", "-n", namespace)
    control_plane.kubectl("patch", *target, "--subresource=status", "--type=merge", "-p", patch)
    header, row = control_plane.kubectl("get", *target).splitlines()
    shown = dict(zip(header.split(), row.split(), strict=True))
    assert list(shown) == ["NAME", "READY", "PHASE", "REASON", "STABLE", "CANDIDATE", "WEIGHT", "STEP", "AGE"]
    assert (shown["READY"], shown["REASON"]) == ("False", "Analyzing")
    assert (shown["STABLE"], shown["CANDIDATE"]) == ("flights-v2", "flights-v3")
    assert (shown["WEIGHT"], shown["STEP"]) == ("25", "1")


def test_columns_of_a_monitor_show_what_drifts_and_what_was_decided(
    control_plane: ControlPlane, namespace: str
) -> None:
    create(control_plane, namespace, drift_monitor())
    window = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:15Z"}
    status = {
        "phase": "Drifted",
        "reference": {"modelVersion": "flights-v1", "digest": DIGEST},
        "decision": {
            "id": "d-1",
            "action": "Retrain",
            "state": "Suppressed",
            "at": window["end"],
            "evidence": {**window, "modelVersion": "flights-v1"},
        },
        "conditions": [
            _condition("Ready", "True", "Watching"),
            _condition("DriftDetected", "True", "FeatureDrift"),
            _condition("PerformanceDegraded", "True", "RealisedPerformance"),
        ],
    }
    patch = json.dumps({"status": status})
    target = ("mdrift", "flights", "-n", namespace)
    control_plane.kubectl("patch", *target, "--subresource=status", "--type=merge", "-p", patch)
    header, row = control_plane.kubectl("get", *target).splitlines()
    shown = dict(zip(header.split(), row.split(), strict=True))
    assert (shown["READY"], shown["PHASE"], shown["VERSION"]) == ("True", "Drifted", "flights-v1")
    assert (shown["DEPLOYMENT"], shown["DRIFT"], shown["WORSE"]) == ("flights", "True", "True")
    assert (shown["DECISION"], shown["STATE"]) == ("Retrain", "Suppressed")


def _condition(type_: str, status: str, reason: str) -> dict[str, Any]:
    times = {"observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {"type": type_, "status": status, "reason": reason, "message": "", **times}


def test_one_category_lists_all_kinds(control_plane: ControlPlane, namespace: str) -> None:
    for kind in crd.KINDS:
        create(control_plane, namespace, SAMPLES[kind.name]())
    names = control_plane.kubectl("get", "trimtab", "-n", namespace, "-o", "name").split()
    listed = {name.partition("/")[0] for name in names}
    assert listed == {f"{PLURALS[kind.name]}.trimtab.dev".replace("s.", ".") for kind in crd.KINDS}


def test_the_largest_experiment_is_accepted_and_updated(control_plane: ControlPlane, namespace: str) -> None:
    """The price of the rules is bounded for the declared limits, also at run time."""
    create(control_plane, namespace, largest_experiment())
    patch = json.dumps({"spec": {"suspend": True}})
    control_plane.kubectl("patch", "mexp", "largest", "-n", namespace, "--type=merge", "-p", patch)


def test_the_largest_deployment_is_accepted_and_updated(control_plane: ControlPlane, namespace: str) -> None:
    create(control_plane, namespace, largest_deployment())
    patch = json.dumps({"spec": {"model": {"version": 9999999}}})
    control_plane.kubectl("patch", "mdep", "flights", "-n", namespace, "--type=merge", "-p", patch)


def largest_deployment() -> Object:
    """20 weights that differ at 100 pods: the rules over them compare each with each."""
    weights = [2, 4, 8, 12, 16, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 90, 98]
    errors = {"preset": "errorRate", "maxRelativeIncrease": "1.0", "maxAbsolute": "0.005", "onFail": "Abort"}
    return edited(
        deployment(),
        {
            "spec.serving.replicas": 100,
            "spec.serving.env": [{"name": f"E{i:0127d}", "value": "v" * 1024} for i in range(50)],
            "spec.serving.nodeSelector": {f"example.com/k{i:060d}": "v" * 63 for i in range(16)},
            "spec.serving.tolerations": [
                {"key": "k" * 63, "value": "v" * 63, "effect": "NoExecute", "tolerationSeconds": i}
                for i in range(16)
            ],
            "spec.rollout.steps": [{"weight": weight} for weight in weights],
            "spec.rollout.analysis.metrics": [{"name": f"m{i:039d}", **errors} for i in range(10)],
        },
    )


def largest_experiment() -> Object:
    searched = [{"name": f"s{i:062d}", "type": "int", "min": "1", "max": "9"} for i in range(20)]
    column = {"type": "string", "categories": [f"{i:0128d}" for i in range(100)]}
    uses = "".join(f"$(params.{parameter['name']})" for parameter in searched[:8])
    return edited(
        experiment(),
        {
            "metadata.name": "largest",
            "spec.dataContract.columns": {f"c{i:062d}": column for i in range(100)},
            "spec.data[0].uri": f"oci://registry.example/{'a' * 480}:current",
            "spec.parameters": {f"p{i:062d}": "v" * 256 for i in range(64)},
            "spec.search.parameters": searched,
            "spec.trial.command": ["c" * 1024] * 16,
            "spec.trial.args": [uses.ljust(1024)] * 64,
            "spec.trial.env": [{"name": f"E{i:0127d}", "value": "v" * 1024} for i in range(50)],
            "spec.trial.nodeSelector": {f"example.com/k{i:060d}": "v" * 63 for i in range(16)},
            "spec.evaluation.gates": [{"metric": "auc", "min": "0.5", "max": "0.9"}] * 10,
        },
    )
