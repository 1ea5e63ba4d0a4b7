"""Argo Rollouts beside the operator: the same work on the same cluster in the same run.

Its controller is built from its published module and runs as its manifests run it, with leader election. Only
`--namespaced` is added: like ours, it looks at the one namespace that is measured.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.bench.audit import AuditLog, Written
from tests.bench.process_cost import cpu_seconds, memory_mib
from tests.cluster import binaries
from tests.cluster.control_plane import ControlPlane
from tests.cluster.ports import free_ports
from tests.harness import access
from tests.harness.api import Api, create_namespace, wait_until

from trimtab.model.kinds import Kind

NAME = f"Argo Rollouts {binaries.ARGO_ROLLOUTS.version.removeprefix('v')}"
USER_AGENT = "rollouts-controller"
OWN_NAMESPACE = "argo-rollouts"
ROLLOUT = Kind("argoproj.io", "v1alpha1", "Rollout", "rollouts")
IMAGES = ("registry.example/model:1", "registry.example/model:2")


@dataclass
class Controller:
    """One run of it."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def page(self) -> str:
        try:
            with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def has_reconciled(self, namespace: str, count: int) -> bool:
        """Every Rollout has had a pass, and none waits for one."""
        page = self.page()
        seen = page.count('rollout_reconcile_count{name="r-')
        return seen >= count and 'workqueue_depth{name="Rollouts"} 0' in page.replace('controller="",', "")


@dataclass(frozen=True)
class Argo:
    """Argo Rollouts on a control plane."""

    plane: ControlPlane
    folder: Path

    @cached_property
    def crds(self) -> Path:
        source = binaries.ARGO_ROLLOUTS.source
        found = subprocess.run(
            ["go", "list", "-m", "-f", "{{.Dir}}", binaries.ARGO_ROLLOUTS.module],
            cwd=source,
            env=binaries.build_environment("go", source),
            capture_output=True,
            text=True,
            check=True,
        )
        return Path(found.stdout.strip()) / "manifests" / "crds"

    def install(self) -> None:
        files = [word for file in sorted(self.crds.glob("*-crd.yaml")) for word in ("-f", file)]
        self.plane.kubectl("apply", "--server-side", *files)
        self.plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
        self.api(OWN_NAMESPACE)

    def api(self, namespace: str) -> Api:
        api = Api(access.of_kubeconfig(self.plane.kubeconfig), namespace)
        create_namespace(api)
        return api

    @contextlib.contextmanager
    def controller(self, namespace: str) -> Iterator[Controller]:
        metrics, health = free_ports(2)
        program = binaries.ensure(binaries.ARGO_ROLLOUTS) / "rollouts-controller"
        command = [program, "--kubeconfig", self.plane.kubeconfig, "--namespaced", "--namespace", namespace]
        ports = [f"--metricsPort={metrics}", f"--healthzPort={health}"]
        with (self.folder / "argo.log").open("ab") as log:
            process = subprocess.Popen([*command, *ports], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield Controller(process, f"http://127.0.0.1:{metrics}")
        finally:
            process.terminate()
            process.wait(30)


def rollout(name: str, image: str, replicas: int, steps: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "server", "image": image, "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": ROLLOUT.api_version,
        "kind": ROLLOUT.name,
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            "strategy": {"canary": {"steps": list(steps)}},
        },
    }


def is_healthy(obj: dict[str, Any], image: str) -> bool:
    """The spec's pods have all traffic."""
    status = obj.get("status", {})
    current = obj["spec"]["template"]["spec"]["containers"][0]["image"] == image
    seen = status.get("observedGeneration") == str(obj["metadata"]["generation"])
    return current and seen and status.get("phase") == "Healthy"


@dataclass(frozen=True)
class Idle:
    """What a thousand idle objects cost."""

    memory_mib: float
    start_seconds: float
    millicores: float
    written: Written


def thousand(argo: Argo, count: int, idle_seconds: float) -> Idle:
    """Rollouts of one pod each, as many as ours."""
    api = argo.api("argo-thousand")
    with argo.controller(api.namespace):
        with ThreadPoolExecutor(8) as pool:
            made = [rollout(f"r-{number:04d}", IMAGES[0], 1) for number in range(count)]
            list(pool.map(lambda document: api.create(ROLLOUT, document), made))
        wait_until(
            lambda: sum(is_healthy(obj, IMAGES[0]) for obj in api.list(ROLLOUT)) == count,
            "all Rollouts to be Healthy",
            600,
            poll_seconds=2.0,
        )
    began = time.monotonic()
    with argo.controller(api.namespace) as controller:
        wait_until(lambda: controller.has_reconciled(api.namespace, count), "all to be reconciled", 120)
        start = time.monotonic() - began
        memory = memory_mib(controller.pid)
        log = AuditLog(argo.plane.audit_log, USER_AGENT)
        before = cpu_seconds(controller.pid)
        time.sleep(idle_seconds)
        cores = (cpu_seconds(controller.pid) - before) / idle_seconds
        return Idle(memory, start, 1_000 * cores, log.written(api.namespace))


@dataclass(frozen=True)
class Canary:
    """What one canary costs."""

    written: Written
    seconds: float


def canary(argo: Argo, weights: Sequence[int], replicas: int) -> Canary:
    """No router; a pause of 1 s after each weight."""
    api = argo.api("argo-canary")
    steps = [step for weight in weights for step in ({"setWeight": weight}, {"pause": {"duration": "1s"}})]
    with argo.controller(api.namespace):
        api.create(ROLLOUT, rollout("churn", IMAGES[0], replicas, steps))
        api.wait(ROLLOUT, "churn", lambda obj: is_healthy(obj, IMAGES[0]), 120)
        log = AuditLog(argo.plane.audit_log, USER_AGENT)
        began = time.monotonic()
        changed = rollout("churn", IMAGES[1], replicas, steps)["spec"]["template"]
        api.patch(ROLLOUT, "churn", json.loads(json.dumps({"spec": {"template": changed}})))
        api.wait(ROLLOUT, "churn", lambda obj: is_healthy(obj, IMAGES[1]), 120)
        seconds = time.monotonic() - began
        _wait_scaled_down(api)
        return Canary(log.written(api.namespace), seconds)


def _wait_scaled_down(api: Api) -> None:
    """Its default is to keep the old pods for 30 s."""
    replica_set = Kind("apps", "v1", "ReplicaSet", "replicasets")
    wait_until(
        lambda: sum(bool(obj["spec"]["replicas"]) for obj in api.list(replica_set)) == 1,
        "the old ReplicaSet to be scaled down",
        90,
    )
