"""`trimtab status` against a real API server: the loop as it is, as it changes, and as one may not see it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.apiserver import samples
from tests.cluster.control_plane import ControlPlane
from tests.harness.account import kubeconfig_of
from tests.harness.api import DEPLOYMENT, MODEL_VERSION, phase, wait_until
from tests.harness.lab import SINGLE, Lab
from tests.harness.plays import Fail, Run, Succeed

FINDING = "2 of 3 pods are ready"
SERVING = {
    "phase": "Progressing",
    "observedGeneration": 1,
    "replicas": 2,
    "stable": {"modelVersion": "flights-v1", "digest": samples.DIGEST, "revision": "5f3c09aa"},
    "conditions": [
        {
            "type": type_,
            "status": status,
            "reason": "PodsNotReady",
            "message": FINDING,
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_, status in (("Ready", "False"), ("Reconciling", "True"))
    ],
}


def environment(kubeconfig: Path) -> dict[str, str]:
    return os.environ | {"KUBECONFIG": str(kubeconfig), "COLUMNS": "80", "PYTHONUNBUFFERED": "1"}


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "trimtab", "status", *options]


def status(kubeconfig: Path, *options: str) -> list[str]:
    """What it prints where there is no terminal, line by line."""
    done = subprocess.run(
        command(*options), env=environment(kubeconfig), capture_output=True, text=True, check=True
    )
    assert "\x1b" not in done.stdout
    return [line.rstrip() for line in done.stdout.splitlines()]


def test_the_whole_loop_as_plain_text_of_80_columns(control_plane: ControlPlane, lab: Lab) -> None:
    """Everything but the rollout is the operator's own work; it stops so that nobody moves the rollout."""
    operator = lab.run_operator()
    lab.player.play("flights-t3-a1", Fail())
    assert phase(lab.run_experiment()) == "Succeeded"
    lab.api.wait(MODEL_VERSION, "flights-v1", lambda v: phase(v) == "Approved")
    operator.terminate()
    made = lab.api.create(DEPLOYMENT, samples.deployment())
    lab.api.replace(DEPLOYMENT, made | {"status": SERVING}, "status")
    lines = status(control_plane.kubeconfig, "-n", lab.api.namespace)
    assert max(map(len, lines)) <= 80
    words = [" ".join(line.split()) for line in lines]
    assert words[0] == "experiment flights Succeeded"
    assert "├─ trial 2 Succeeded objective 0.504, winner" in words
    assert any(line.startswith("├─ trial 3 Failed TrainingFailed") for line in words), words
    assert "├─ gate auc Pass 0.75" in words
    assert "└─ version flights-v1 Approved" in words
    told = " ".join(words[words.index("└─ version flights-v1 Approved") + 1 :])
    assert told == f"└─ deployment flights Progressing stable, 2 ready, PodsNotReady: {FINDING}"
    everywhere = status(control_plane.kubeconfig, "-A")
    assert f"namespace {lab.api.namespace}" in everywhere


def test_an_empty_namespace_says_what_to_do(control_plane: ControlPlane, namespace: str) -> None:
    (line,) = status(control_plane.kubeconfig, "--namespace", namespace)
    assert line == f"nothing of Trimtab in namespace {namespace}; apply an Experiment to begin"


def test_without_an_operator_the_tree_says_so(control_plane: ControlPlane, lab: Lab) -> None:
    lab.create(lab.experiment(edits=SINGLE))
    (line,) = status(control_plane.kubeconfig, "-n", lab.api.namespace)
    assert " ".join(line.split()) == "experiment flights - no operator has looked at it yet"


def test_watching_prints_each_change_until_it_is_interrupted(
    control_plane: ControlPlane, lab: Lab, tmp_path: Path
) -> None:
    lab.run_operator()
    lab.player.play("flights-t1-a1", Run())
    output = tmp_path / "output"
    with output.open("wb") as out:
        watching = subprocess.Popen(
            # A test run in a shell's background has SIGINT ignored, and its children with it.
            ["env", "--default-signal=INT", *command("-w", "-n", lab.api.namespace)],
            env=environment(control_plane.kubeconfig),
            stdout=out,
        )
    try:
        wait_until(lambda: "nothing of Trimtab" in output.read_text(), "the empty namespace")
        lab.create(lab.experiment(edits=SINGLE))
        wait_until(lambda: " Running" in output.read_text(), "the trial that runs")
        lab.player.play("flights-t1-a1", Succeed())
        wait_until(lambda: "version flights-v1  Approved" in output.read_text(), "the version")
        watching.send_signal(signal.SIGINT)
        assert watching.wait(10) == 0
    finally:
        watching.kill()
    shown = output.read_text().split("--- ")[1:]
    assert len(shown) == len({text.partition("\n")[2] for text in shown}), "only what changed is printed"


def test_who_may_not_see_it_is_told_what_to_ask_for(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    stranger = kubeconfig_of(control_plane, namespace, tmp_path, context_namespace=namespace)
    done = subprocess.run(command(), env=environment(stranger), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        f'cannot list resource "experiments" in API group "trimtab.dev" in the namespace "{namespace}"'
        in done.stderr
    )
    assert "Ask for a role with that verb" in done.stderr
