"""Many Deployments, some of them in a canary all the time: is the operator in time, and its memory flat?

    python -m tests.bench.soak [--count 2000] [--active 200] [--minutes 30] [--pause 60]

A real API server, real controllers and a real scheduler. KWOK says of the pods that they are ready, and one
server shows a metrics page at the address of each. A Deployment of the active ones gets a new revision as
soon as it is Ready with the last one.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.answering_pods import answering_pods
from tests.bench.audit import AuditLog, Written
from tests.bench.controller import Ground
from tests.bench.latency import Latencies, latencies, lateness
from tests.bench.measure import Measure, table
from tests.bench.played_node import played_node
from tests.bench.process_cost import cpu_seconds, memory_mib
from tests.cluster.cache import BUILD
from tests.cluster.control_plane import ControlPlane
from tests.cluster.progress import step
from tests.harness.api import DEPLOYMENT, EVENT, Api, condition, wait_until
from tests.harness.background import Background
from tests.harness.deployments import body, digest_of, plant
from tests.harness.operator import Operator
from tests.registry import running_registry

from trimtab.cluster.client import USER_AGENT

Object = dict[str, Any]
IDLE, ACTIVE = "idle", "active"
REPLICAS = 3
WEIGHTS = (25, 50, 75)
LOOK_SECONDS = 2.0
PODS_SECONDS = 15.0
"""About what a canary takes beside its pauses."""
SAMPLE_SECONDS = 10.0
PASS_SECONDS, LATE_SECONDS = 1.0, 2.0
FLAT_MIB = 30.0
"""What the heap of a process breathes by; a leak of 1 KiB per write would be more within half an hour."""
WARM_SHARE = 0.25
"""Of the time: what comes before is start-up, for memory."""


@dataclass(frozen=True)
class Shape:
    """``pause_seconds``: of each weight. A canary takes about 26 writes, whatever its pauses, so they decide
    how many writes there are per second; the operator makes 50 of them by default."""

    count: int
    active: int
    seconds: float
    pause_seconds: int

    @property
    def addresses(self) -> int:
        """Enough for all pods, twice: those of a canary come before others go."""
        return 2 * (self.count + 3 * REPLICAS * self.active)

    @property
    def per_look(self) -> int:
        """How many canaries end, and so begin, between two looks."""
        canary_seconds = len(WEIGHTS) * self.pause_seconds + PODS_SECONDS
        return math.ceil(self.active * LOOK_SECONDS / canary_seconds)


@dataclass(frozen=True)
class Soak:
    """What was seen. Memory in MiB, one sample every 10 s."""

    shape: Shape
    passes: Latencies
    late: Latencies
    memory: Sequence[float]
    cores: float
    begun: int
    promoted: int
    failed: Mapping[str, str]
    written: Written
    written_active: Written
    written_idle: Written
    events_active: int
    events_idle: int

    @property
    def whole(self) -> bool:
        """Whether every canary that began was promoted."""
        return self.begun == self.promoted and not self.failed

    @property
    def memory_growth_mib(self) -> float:
        """From the first to the last third of what is behind the start: means, so that no spike decides."""
        warm = self.memory[int(len(self.memory) * WARM_SHARE) :]
        third = max(1, len(warm) // 3)
        return sum(warm[-third:]) / third - sum(warm[:third]) / third


@dataclass
class Rounds:
    """The active Deployments: each gets its next revision when it is Ready with the last."""

    api: Api
    per_look: int
    begun: int = 0
    promoted: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    _asked: dict[str, int] = field(default_factory=dict)

    def look(self, *, go_on: bool) -> int:
        """One look at all of them; ``go_on``: begin new ones, no more at once than end in that time, because
        people do not begin all of theirs at one moment. Returns how many are on their way."""
        moving, may_begin = 0, self.per_look if go_on else 0
        for found in self.api.list(DEPLOYMENT):
            name = found["metadata"]["name"]
            if not name.startswith(ACTIVE):
                continue
            if "quarantine" in found["status"]:
                self.failed[name] = str(found["status"]["quarantine"])
            if not _is_done(found):
                moving += 1
                continue
            if name in self._asked:
                self.promoted += 1
                del self._asked[name]
            if may_begin:
                self._next(found)
                moving, may_begin = moving + 1, may_begin - 1
        return moving

    def _next(self, found: Object) -> None:
        """Another value of a variable is another revision of the same bytes."""
        name, number = found["metadata"]["name"], found["metadata"]["generation"]
        env = [{"name": "ROUND", "value": str(number)}]
        self.api.patch(DEPLOYMENT, name, {"spec": {"serving": {"env": env}}})
        self._asked[name] = number
        self.begun += 1


def soak(shape: Shape, folder: Path) -> Soak:
    """Runs it on a control plane of its own."""
    plane = ControlPlane(BUILD / "soak", audit=True)
    plane.down()  # of an interrupted run
    background = Background()
    try:
        with (
            running_registry(folder / "registry") as registry,
            answering_pods(background, digest_of(1), shape.addresses) as cidr,
        ):
            plane.up()
            plane.kubectl.apply_crds()
            with played_node(plane, cidr):
                return _on(Ground(plane, registry, folder), shape)
    finally:
        background.stop()
        plane.down()


def _on(ground: Ground, shape: Shape) -> Soak:
    api = ground.api("soak")
    with ground.operator(api.namespace) as operator:
        operator.wait_leading()
        with step(f"{shape.count} Deployments, served", usual_seconds=shape.count / 5):
            _fill(api, shape)
        log = AuditLog(ground.plane.audit_log, USER_AGENT)
        wait_until(lambda: _is_quiet(log, api.namespace), "the last writes of the start", 60)
        log.mark()
        return _watched(shape, operator, log, Rounds(api, shape.per_look))


def _is_quiet(log: AuditLog, namespace: str) -> bool:
    before = log.written(namespace)
    time.sleep(LOOK_SECONDS)  # the absence of writes has no condition to wait for
    after = log.written(namespace)
    return (before.objects, before.events) == (after.objects, after.events)


def _fill(api: Api, shape: Shape) -> None:
    plant(api, 1)
    active = [f"{ACTIVE}-{number:04d}" for number in range(shape.active)]
    idle = [f"{IDLE}-{number:04d}" for number in range(shape.count - shape.active)]
    pin = {"spec.model": {"name": "flights", "version": 1}}
    one, several = body(edits=pin), body(*_steps(shape), edits=pin | {"spec.serving.replicas": REPLICAS})
    named = [
        document | {"metadata": {"name": name}}
        for document, names in ((one, idle), (several, active))
        for name in names
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda made: api.create(DEPLOYMENT, made), named))
    seconds = 120 + shape.count
    wait_until(lambda: _done(api) == shape.count, "all Deployments to be Ready", seconds, poll_seconds=2.0)


def _steps(shape: Shape) -> list[Object]:
    pause = {"pause": {"for": f"{shape.pause_seconds}s"}}
    return [step_ for weight in WEIGHTS for step_ in ({"weight": weight}, pause)]


def _done(api: Api) -> int:
    return sum(_is_done(found) for found in api.list(DEPLOYMENT))


def _is_done(found: Object) -> bool:
    status = found.get("status", {})
    current = status.get("observedGeneration") == found["metadata"]["generation"]
    return current and condition(found, "Ready").get("status") == "True"


def _watched(shape: Shape, operator: Operator, log: AuditLog, rounds: Rounds) -> Soak:
    pid = operator.process.pid
    page = operator.page("/metrics")
    before, late_before = latencies(page, "Deployment"), lateness(page)
    events = {prefix: _events(rounds.api, prefix) for prefix in (ACTIVE, IDLE)}
    cpu, began, memory = cpu_seconds(pid), time.monotonic(), [memory_mib(pid)]
    what = f"{shape.active} canaries at a time for {shape.seconds / 60:.0f} min"
    with step(what, usual_seconds=shape.seconds):
        while time.monotonic() - began < shape.seconds:
            rounds.look(go_on=True)
            assert operator.is_running, operator.log_tail()
            if len(memory) * SAMPLE_SECONDS < time.monotonic() - began:
                memory.append(memory_mib(pid))
            time.sleep(LOOK_SECONDS)
    cores = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
    page = operator.page("/metrics")
    wait_until(
        lambda: rounds.look(go_on=False) == 0, "the last canaries to end", 600, poll_seconds=LOOK_SECONDS
    )
    namespace = rounds.api.namespace
    return Soak(
        shape=shape,
        passes=latencies(page, "Deployment").since(before),
        late=lateness(page).since(late_before),
        memory=memory,
        cores=cores,
        begun=rounds.begun,
        promoted=rounds.promoted,
        failed=rounds.failed,
        written=log.written(namespace),
        written_active=log.written(namespace, ACTIVE),
        written_idle=log.written(namespace, IDLE),
        events_active=_events(rounds.api, ACTIVE) - events[ACTIVE],
        events_idle=_events(rounds.api, IDLE) - events[IDLE],
    )


def _events(api: Api, prefix: str) -> int:
    """About objects whose names begin so. The audit log has an Event's own name, which does not say whose."""
    return sum(event["involvedObject"]["name"].startswith(prefix) for event in api.list(EVENT))


def measures(found: Soak) -> list[Measure]:
    shape, memory, canaries = found.shape, found.memory, max(1, found.begun)
    passes, late = (one.quantile(0.99) for one in (found.passes, found.late))
    idle = found.written_idle.objects + found.events_idle
    active = found.written_active.objects + found.events_active
    growth = found.memory_growth_mib
    what = f"{shape.count}, {shape.active}, {shape.seconds / 60:.0f}; pauses of {shape.pause_seconds} s"
    sampled = " / ".join(f"{memory[at]:.0f}" for at in (0, len(memory) // 2, -1))
    writes = f"{found.written.objects / canaries:.1f} and {found.written.events / canaries:.1f}"
    return [
        Measure("Deployments, canaries at a time, minutes", what),
        Measure("canaries begun / promoted", f"{found.begun} / {found.promoted}", met=found.whole),
        _within("a pass, p50 / p99", found.passes, passes, PASS_SECONDS),
        _within("lateness of timers, p50 / p99", found.late, late, LATE_SECONDS),
        Measure("memory at the start, in the middle, at the end", f"{sampled} MiB"),
        Measure(
            "growth of memory behind the start",
            f"{growth:+.1f} MiB",
            f"< {FLAT_MIB:.0f} MiB",
            met=growth < FLAT_MIB,
        ),
        Measure("processors used", f"{found.cores:.2f}"),
        Measure("object writes and Events per canary", writes),
        Measure(
            "writes to idle Deployments, of all", f"{idle} of {idle + active}", "0", met=idle == 0 < active
        ),
    ]


def _within(name: str, seen: Latencies, seconds: float, limit: float) -> Measure:
    return Measure(name, str(seen), f"p99 < {limit:.0f} s", met=seconds < limit)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--active", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pause", type=int, default=60, help="seconds of each of the three pauses")
    options = parser.parse_args(arguments)
    shape = Shape(options.count, options.active, 60 * options.minutes, options.pause)
    with tempfile.TemporaryDirectory() as folder:
        found = soak(shape, Path(folder))
    told = measures(found)
    print(table(told))
    print(f"writes: {found.written}", file=sys.stderr)
    return 0 if all(measure.met for measure in told) else 1


if __name__ == "__main__":
    sys.exit(main())
