"""What the operator costs: memory, start and idling with 0 and 1,000 Deployments, and the writes of a canary.

    python -m tests.bench.controller

A real API server, real controllers and a real scheduler; KWOK says of the thousand pods that they are ready.
Our canary's pods are played with a metrics page, since the operator reads them. Argo Rollouts does the same
beside: as many objects with a pod each, and the same canary, on the same cluster in the same run.
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

from tests.bench import argo as peer
from tests.bench.audit import AuditLog
from tests.bench.latency import Latencies, latencies
from tests.bench.measure import Measure, table
from tests.bench.played_node import played_node
from tests.bench.process_cost import cpu_seconds, memory_mib
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
REPLICAS = 5
WEIGHTS = (20, 40, 60, 80)
CANARY_STEPS = [step_ for weight in WEIGHTS for step_ in ({"weight": weight}, {"pause": {"for": "1s"}})]

OBJECT_WRITES, EVENTS, START_SECONDS = 20, 10, 4.0


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
            argo = peer.Argo(plane, Path(folder))
            argo.install()
            with played_node(plane):
                thousand = _thousand(ground, argo)
                with step("a canary of Argo Rollouts", usual_seconds=60):
                    theirs = peer.canary(argo, WEIGHTS, REPLICAS)
            return [*thousand, *_canary(ground, theirs)]
        finally:
            plane.down()


def _thousand(ground: Ground, argo: peer.Argo) -> list[Measure]:
    api = ground.api("thousand")
    with ground.operator(api.namespace) as operator:
        empty = memory_mib(operator.wait_leading().process.pid)
    with step(f"{COUNT} Deployments, served", usual_seconds=180):
        _fill(ground, api)
    with step("the operator's start, and a minute of nothing to do", usual_seconds=75):
        ours, passes = _start_and_idle(ground, api)
    with step(f"{COUNT} Rollouts beside", usual_seconds=180):
        theirs = peer.thousand(argo, COUNT, IDLE_SECONDS)
    return _told_of_thousand(empty, ours, theirs, passes)


def _start_and_idle(ground: Ground, api: Api) -> tuple[peer.Idle, Latencies]:
    began = time.monotonic()
    with ground.operator(api.namespace) as operator:
        operator.wait_leading()
        wait_until(lambda: _has_seen_all(operator), "all to be reconciled", 120)
        start, pid = time.monotonic() - began, operator.process.pid
        memory, passes = memory_mib(pid), latencies(operator.page("/metrics"), "Deployment")
        # Lines of history that are younger than ten minutes are looked at once more: that is not idling.
        wait_until(
            lambda: "\ntrimtab_events_waiting 0.0" in operator.page("/metrics"), "all Events to be made", 120
        )
        log = AuditLog(ground.plane.audit_log, USER_AGENT)
        before = cpu_seconds(pid)
        time.sleep(IDLE_SECONDS)
        cores = (cpu_seconds(pid) - before) / IDLE_SECONDS
        return peer.Idle(memory, start, 1_000 * cores, log.written(api.namespace)), passes


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


def _told_of_thousand(empty: float, ours: peer.Idle, theirs: peer.Idle, passes: Latencies) -> list[Measure]:
    unexpected = ours.written.objects + ours.written.events
    if unexpected:
        print(f"writes while idle: {ours.written}", file=sys.stderr)
    beside = theirs.written.objects + theirs.written.events
    return [
        Measure("operator memory, 0 Deployments (RSS)", f"{empty:.0f} MiB"),
        Measure(
            f"operator memory, {COUNT:,} idle Deployments (RSS)",
            f"{ours.memory_mib:.0f} MiB",
            "no more",
            f"{peer.NAME}: {theirs.memory_mib:.0f} MiB",
            met=ours.memory_mib <= theirs.memory_mib,
        ),
        Measure(
            f"start to all {COUNT:,} reconciled",
            f"{ours.start_seconds:.1f} s",
            f"<= {START_SECONDS:.0f} s",
            f"{peer.NAME}: {theirs.start_seconds:.1f} s",
            met=ours.start_seconds <= START_SECONDS,
        ),
        Measure("a pass over an idle Deployment, p50 / p99", str(passes)),
        Measure(
            f"writes in {IDLE_SECONDS:.0f} s idle, {COUNT:,} Deployments",
            f"{unexpected} (and {ours.written.leases} of the Lease)",
            "0",
            f"{peer.NAME}: {beside} (and {theirs.written.leases} of the Lease)",
            met=unexpected == 0,
        ),
        Measure(
            "processor while idle, millicores",
            f"{ours.millicores:.0f}",
            beside=f"{peer.NAME}: {theirs.millicores:.0f}",
        ),
    ]


def _canary(ground: Ground, theirs: peer.Canary) -> list[Measure]:

    api = ground.api("canary")
    background = Background()
    reach = access.of_kubeconfig(ground.plane.kubeconfig)
    try:
        with Player(reach, background, api.namespace, ground.registry) as player:
            player.serving.rate = 100.0
            with step("a canary of 5 replicas", usual_seconds=30):
                return _one_canary(ground, api, theirs)
    finally:
        background.stop()


def _one_canary(ground: Ground, api: Api, theirs: peer.Canary) -> list[Measure]:
    for number in (1, 2):
        plant(api, number)
    edits = {
        "spec.model": {"name": "flights", "version": 1},
        "spec.serving.replicas": REPLICAS,
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
        return _told_of_canary(peer.Canary(log.written(api.namespace), took), theirs, passes)


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


def _told_of_canary(ours: peer.Canary, theirs: peer.Canary, passes: Latencies) -> list[Measure]:
    for name, canary in (("ours", ours), (peer.NAME, theirs)):
        print(f"writes of the canary, {name}: {canary.written}", file=sys.stderr)
    written, beside = ours.written, theirs.written
    return [
        Measure(
            "object writes per canary",
            f"{written.objects} ({written.of('/status')} of status)",
            f"<= {OBJECT_WRITES}",
            f"{peer.NAME}: {beside.objects} ({beside.of('rollouts')} of the Rollout)",
            met=written.objects <= OBJECT_WRITES,
        ),
        Measure(
            "Events per canary",
            str(written.events),
            f"<= {EVENTS}",
            f"{peer.NAME}: {beside.events}",
            met=written.events <= EVENTS,
        ),
        Measure(
            "duration of the canary",
            f"{ours.seconds:.1f} s",
            "not slower",
            f"{peer.NAME}: {theirs.seconds:.1f} s",
            met=ours.seconds <= theirs.seconds,
        ),
        Measure("a pass over a Deployment in a rollout, p50 / p99", str(passes)),
    ]


def main() -> int:
    found = measures()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(table(found))
    return 0 if all(measure.met for measure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
