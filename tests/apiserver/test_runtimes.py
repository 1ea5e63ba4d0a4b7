"""Servers of other projects on a real API server, and an operator that renders otherwise than before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.apiserver import samples
from tests.harness import monitors
from tests.harness.api import CONTROLLER_REVISION, DRIFT_MONITOR, POD, WORKLOAD, condition
from tests.harness.deployments import (
    ANALYZE,
    FAST,
    NAME,
    WEIGHT,
    Deployments,
    digest_of,
    plant,
    reasons,
    revision,
)
from tests.harness.lab import Lab, plant_approved_version

Object = dict[str, Any]
MLSERVER = {"runtime": "mlserver", "image": "registry.example/mlserver:1"}
CLIENTS_PER_SECOND = 200.0
# A later operator: it waits longer for its own servers to end, and gives MLServer another argument.
LATER = """\
from dataclasses import replace
from trimtab.deployment import runtimes, template

template.GRACE_SECONDS = 99
template.RUNTIMES = {
    name: replace(runtime, args=(*runtime.args, "--later")) for name, runtime in runtimes.RUNTIMES.items()
}
"""


@pytest.fixture
def deployments(lab: Lab) -> Deployments:
    lab.player.serving.rate = CLIENTS_PER_SECOND
    return Deployments(lab)


def _pods(lab: Lab, rev: str) -> set[str]:
    found = lab.api.list(POD, f"trimtab.dev/revision={rev}")
    return {pod["metadata"]["uid"] for pod in found}


def _template(lab: Lab, rev: str) -> Object:
    template: Object = lab.api.get(WORKLOAD, f"{NAME}-{rev}")["spec"]["template"]
    return template


def test_a_sound_candidate_on_mlserver_takes_over_and_cannot_be_monitored(
    lab: Lab, deployments: Deployments
) -> None:
    deployments.served(WEIGHT, ANALYZE)
    deployments.patch(serving=MLSERVER)
    judged = deployments.until(lambda d: d.get("status", {}).get("candidate"))
    rev = revision(judged, "candidate")
    ready = deployments.until(lambda d: condition(d, "Ready").get("status") == "True" and revision(d) == rev)
    assert "Aborted" not in reasons(ready)
    (server,) = _template(lab, rev)["spec"]["containers"]
    assert (server["image"], server["command"][0]) == ("registry.example/mlserver:1", "mlserver")
    lab.api.create(DRIFT_MONITOR, monitors.body())
    said = monitors.Monitors(lab).reason("RuntimeNotCounted")
    assert condition(said, "Stalled")["status"] == "True"
    assert "runtime mlserver" in condition(said, "Ready")["message"]


def test_a_candidate_on_mlserver_that_fails_is_given_up(lab: Lab, deployments: Deployments) -> None:
    old = revision(deployments.served(WEIGHT, ANALYZE))
    deployments.patch(serving=MLSERVER)
    candidate = revision(deployments.until(lambda d: d.get("status", {}).get("candidate")), "candidate")
    lab.player.serving.fail_requests(candidate)
    ended = deployments.reason("Aborted")
    assert revision(ended) == old
    (entry,) = ended["status"]["quarantine"]
    assert (entry["revision"], entry["reason"]) == (candidate, "AnalysisFailed")


def test_a_format_that_the_runtime_does_not_serve_changes_nothing(lab: Lab, deployments: Deployments) -> None:
    old = revision(deployments.served())
    edits = {"spec.artifact.digest": digest_of(2), "spec.profileDigest": samples.ABSENT}
    edits |= {"spec.artifact.format": "onnx", "spec.lineage.experiment.uid": "planted-2"}
    plant_approved_version(lab.api, 2, edits)
    deployments.ready("flights-v2")
    deployments.patch(serving=MLSERVER)
    said = deployments.reason("FormatNotServed")
    assert condition(said, "Stalled")["status"] == "True"
    message = condition(said, "Ready")["message"]
    assert "flights-v2 has format onnx" in message and "mlserver serves sklearn only" in message
    assert said["status"]["stable"]["modelVersion"] == "flights-v2" and revision(said) != old


@pytest.mark.parametrize("serving", [{}, MLSERVER], ids=["trimtab", "mlserver"])
def test_an_operator_that_renders_differently_restarts_no_pod(
    lab: Lab, deployments: Deployments, tmp_path: Path, serving: Object
) -> None:
    """Upgrades and changes of the table reach what is rolled out from then on."""
    edits = {f"spec.serving.{key}": value for key, value in serving.items()}
    rev = revision(deployments.served(edits=edits))
    template, pods = _template(lab, rev), _pods(lab, rev)
    lab.settle()
    lab.operators[-1].terminate()
    (tmp_path / "sitecustomize.py").write_text(LATER)
    later = lab.operator(
        **FAST, leaseName="trimtab-later", runtimeImage="registry.example/trimtab-runtime@sha256:" + "f" * 64
    )
    later.environment["PYTHONPATH"] = str(tmp_path)
    later.start().wait_leading()
    lab.settle()
    assert _template(lab, rev) == template and _pods(lab, rev) == pods
    plant(lab.api, 2)
    new = revision(deployments.ready("flights-v2"))
    record = lab.api.get(CONTROLLER_REVISION, f"{NAME}-{new}")["data"]["template"]
    assert record["spec"]["terminationGracePeriodSeconds"] == 99
    assert record["spec"]["initContainers"][0]["image"].endswith("f" * 64)
    assert (record["spec"]["containers"][0].get("args") == ["--later"]) == bool(serving)
