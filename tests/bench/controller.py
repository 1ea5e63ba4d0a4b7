"""What the operator costs: memory, start and idling with 0 and 1,000 Deployments, and the writes of a canary.

    python -m tests.bench.controller

A real API server, real controllers and a real scheduler; KWOK says of the thousand pods that they are ready.
The canary's pods are played with a metrics page, since a rollout whose pods cannot be read stands still.
Numbers of Argo Rollouts stand beside as recorded, not measured in the same run.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.bench.audit import AuditLog, Written
from tests.bench.latency import Latencies, latencies
from tests.bench.measure import Measure, table
from tests.bench.played_node import played_node
from tests.cluster.cache import BUILD
from tests.cluster.control_plane import ControlPlane
from tests.cluster.progress import step
from tests.harness import access
from tests.harness.api import DEPLOYMENT, WORKLOAD, Api, condition, create_namespace, wait_until
from tests.harness.background import Background
from tests.harness.deployments import NAME, body, plant
from tests.harness.operator import Operator, configuration
from tests.harness.player import Player
from tests.registry import LocalRegistry, running_registry

from trimtab.cluster.client import USER_AGENT

Object = dict[str, Any]
COUNT = 1_000
IDLE_SECONDS = 60.0
MEBIBYTE = 1024 * 1024
WEIGHTS = (20, 40, 60, 80)
CANARY_STEPS = [step_ for weight in WEIGHTS for step_ in ({"weight": weight}, {"pause": {"for": "1s"}})]

# Argo Rollouts 1.10.1, its controller built from the published module, on two shared cores in November 2026;
# writes counted by user agent in the audit log of a Kubernetes 1.35 API server. The canary: 5 replicas,
# setWeight 20/40/60/80 with a pause of 1 s after each, no traffic router. The thousand: Rollouts of 0
# replicas, so without ReplicaSets' pods; ours have one pod and one Service each.
ARGO = "Argo Rollouts 1.10.1"
ARGO_OBJECT_WRITES, ARGO_EVENTS = 45, 19
ARGO_CANARY_WRITES = (
    f"{ARGO}: {ARGO_OBJECT_WRITES} (32 status patches, 10 ReplicaSet updates, 1 create, 2 updates)"
)
ARGO_CANARY_EVENTS = f"{ARGO}: {ARGO_EVENTS}"
ARGO_CANARY_SECONDS = f"{ARGO}: 11.1 s"
ARGO_MEMORY = f"{ARGO}: 138-151 MB (1,000 Rollouts of 0 replicas)"
ARGO_START = f"{ARGO}: 4 s"
ARGO_IDLE = f"{ARGO}: 0"
ARGO_CPU = f"{ARGO}: 2"


@dataclass(frozen=True)
class Ground:
    """Where the operators run."""

    plane: ControlPlane
    registry: LocalRegistry
    folder: Path

    def api(self, namespace: str) -> Api:
        api = Api(access.of_kubeconfig(self.plane.kubeconfig), namespace)
        create_namespace(api)
        return api

    @contextlib.contextmanager
    def operator(self, namespace: str, **changes: object) -> Iterator[Operator]:
        """One that starts as in its pod: imports, probes, election, first sweep. Started, not yet ready."""
        folder = self.folder / f"operator-{time.monotonic_ns()}"
        operator = Operator(folder, configuration(namespace, self.registry, **changes), self.plane.kubeconfig)
        try:
            yield operator.start()
            operator.terminate()  # gives the Lease up: the next one need not wait for it to expire
        finally:
            operator.stop()


def measures() -> list[Measure]:
    """All of them; takes about 5 minutes."""
    plane = ControlPlane(BUILD / "bench", audit=True)
    plane.down()  # of an interrupted run
    with tempfile.TemporaryDirectory() as folder, running_registry(Path(folder) / "registry") as registry:
        try:
            plane.up()
            plane.kubectl.apply_crds()
            ground = Ground(plane, registry, Path(folder))
            return [*_thousand(ground), *_canary(ground)]
        finally:
            plane.down()


def _thousand(ground: Ground) -> list[Measure]:
    api = ground.api("thousand")
    with ground.operator(api.namespace) as operator:
        empty = _memory(operator.wait_leading())
    with played_node(ground.plane):
        with step(f"{COUNT} Deployments, served", usual_seconds=180):
            _fill(ground, api)
        with step("the operator's start, and a minute of nothing to do", usual_seconds=75):
            return _start_and_idle(ground, api, empty)


def _start_and_idle(ground: Ground, api: Api, empty: float) -> list[Measure]:
    began = time.monotonic()
    with ground.operator(api.namespace) as operator:
        operator.wait_leading()
        wait_until(lambda: _has_seen_all(operator), "all to be reconciled", 120)
        start = time.monotonic() - began
        filled, passes = _memory(operator), latencies(operator.page("/metrics"), "Deployment")
        log = AuditLog(ground.plane.audit_log, USER_AGENT)
        before = _cpu(operator)
        time.sleep(IDLE_SECONDS)
        cores = (_cpu(operator) - before) / IDLE_SECONDS
        idle = log.written(api.namespace)
    return _told_of_thousand(empty=empty, filled=filled, start=start, passes=passes, idle=idle, cores=cores)


def _fill(ground: Ground, api: Api) -> None:
    plant(api, 1)
    document = body(edits={"spec.model": {"name": "flights", "version": 1}})
    with ground.operator(api.namespace, writesPerSecond=1_000, workers=16) as operator:
        operator.wait_leading()
        with ThreadPoolExecutor(8) as pool:
            named = [document | {"metadata": {"name": f"d-{number:04d}"}} for number in range(COUNT)]
            list(pool.map(lambda made: api.create(DEPLOYMENT, made), named))
        wait_until(lambda: _ready(api) == COUNT, "all Deployments to be Ready", 600, poll_seconds=2.0)


def _ready(api: Api) -> int:
    return sum(condition(obj, "Ready").get("status") == "True" for obj in api.list(DEPLOYMENT))


def _has_seen_all(operator: Operator) -> bool:
    page = operator.page("/metrics")
    return latencies(page, "Deployment").count >= COUNT and "\ntrimtab_queue_depth 0.0" in page


def _told_of_thousand(
    *, empty: float, filled: float, start: float, passes: Latencies, idle: Written, cores: float
) -> list[Measure]:
    unexpected = idle.objects + idle.events
    if unexpected:
        print(f"writes while idle: {idle}", file=sys.stderr)
    return [
        Measure("operator memory, 0 Deployments (RSS)", f"{empty:.0f} MiB"),
        Measure(
            f"operator memory, {COUNT:,} idle Deployments (RSS)", f"{filled:.0f} MiB", beside=ARGO_MEMORY
        ),
        Measure(f"start to all {COUNT:,} reconciled", f"{start:.1f} s", beside=ARGO_START),
        Measure("a pass over an idle Deployment, p50 / p99", str(passes)),
        Measure(
            f"writes in {IDLE_SECONDS:.0f} s idle, {COUNT:,} Deployments",
            f"{unexpected} (and {idle.leases} of the Lease)",
            "0",
            ARGO_IDLE,
            met=unexpected == 0,
        ),
        Measure("processor while idle, millicores", f"{1_000 * cores:.0f}", beside=ARGO_CPU),
    ]


def _canary(ground: Ground) -> list[Measure]:
    api = ground.api("canary")
    background = Background()
    reach = access.of_kubeconfig(ground.plane.kubeconfig)
    try:
        with Player(reach, background, api.namespace, ground.registry) as player:
            player.serving.rate = 100.0
            with step("a canary of 5 replicas", usual_seconds=30):
                return _one_canary(ground, api)
    finally:
        background.stop()


def _one_canary(ground: Ground, api: Api) -> list[Measure]:
    for number in (1, 2):
        plant(api, number)
    edits = {
        "spec.model": {"name": "flights", "version": 1},
        "spec.serving.replicas": 5,
        "spec.rollout.analysis.metrics": [{"name": "errors", "preset": "errorRate"}],
    }
    api.create(DEPLOYMENT, body(*CANARY_STEPS, edits=edits))
    with ground.operator(api.namespace) as operator:
        operator.wait_leading()
        stable = _serves(api, "flights-v1")["status"]["stable"]["revision"]
        _wait_idle(operator)
        log = AuditLog(ground.plane.audit_log, USER_AGENT)
        began = time.monotonic()
        api.patch(DEPLOYMENT, NAME, {"spec": {"model": {"version": 2}}})
        _serves(api, "flights-v2")
        took = time.monotonic() - began
        api.wait_gone(WORKLOAD, f"{NAME}-{stable}")
        _wait_idle(operator)
        passes = latencies(operator.page("/metrics"), "Deployment")
        return _told_of_canary(log.written(api.namespace), took, passes)


def _wait_idle(operator: Operator) -> None:
    wait_until(lambda: "\ntrimtab_queue_depth 0.0" in operator.page("/metrics"), "an empty queue")


def _serves(api: Api, version: str) -> Object:
    return api.wait(
        DEPLOYMENT,
        NAME,
        lambda d: (
            condition(d, "Ready").get("status") == "True"
            and d["status"].get("stable", {}).get("modelVersion") == version
            and "candidate" not in d["status"]
        ),
        120,
    )


def _told_of_canary(written: Written, took: float, passes: Latencies) -> list[Measure]:
    print(f"writes of the canary: {written}", file=sys.stderr)
    return [
        Measure(
            "object writes per canary",
            f"{written.objects} ({written.of('/status')} of status)",
            "fewer",
            ARGO_CANARY_WRITES,
            met=written.objects < ARGO_OBJECT_WRITES,
        ),
        Measure(
            "Events per canary",
            str(written.events),
            "fewer",
            ARGO_CANARY_EVENTS,
            met=written.events < ARGO_EVENTS,
        ),
        Measure("duration of the canary", f"{took:.1f} s", beside=ARGO_CANARY_SECONDS),
        Measure("a pass over a Deployment in a rollout, p50 / p99", str(passes)),
    ]


def _memory(operator: Operator) -> float:
    return psutil.Process(operator.process.pid).memory_info().rss / MEBIBYTE


def _cpu(operator: Operator) -> float:
    times = psutil.Process(operator.process.pid).cpu_times()
    return times.user + times.system


def main() -> int:
    found = measures()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(table(found))
    return 0 if all(measure.met for measure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
