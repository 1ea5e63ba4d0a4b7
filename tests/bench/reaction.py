"""How soon traffic follows a decision: a person's promote and abort, and a container that restarts.

    python -m tests.bench.reaction

Twenty Deployments by an HTTPRoute go through nine weights, each begun by a person; twenty by pods have their
candidates aborted, and their containers restarted. Times are the API server's own, from its audit log: from
the write that asks (the annotation, or the pod's status) to the answer of the operator's write that moves the
traffic. Pods and Gateway are played, so this is the operator's share alone.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.controller import Ground
from tests.bench.measure import Measure, table
from tests.cluster import gateway_api
from tests.cluster.cache import BUILD
from tests.cluster.control_plane import ControlPlane
from tests.cluster.progress import step
from tests.harness import access
from tests.harness.api import DEPLOYMENT, Api, condition, wait_until
from tests.harness.background import Background
from tests.harness.deployments import body, plant
from tests.harness.gateway import HOSTNAME, TRAFFIC, PlayedGateway
from tests.harness.player import Player
from tests.registry import running_registry

from trimtab.cluster.client import USER_AGENT
from trimtab.model.clock import parse_time

Object = dict[str, Any]
COUNT, ROUNDS, SPACING_SECONDS = 20, 5, 0.2
WEIGHTS = tuple(range(10, 100, 10))
HOLD: Object = {"pause": {}}
PIN = {"spec.model": {"name": "flights", "version": 1}}
TARGET_SECONDS = 1.0


@dataclass(frozen=True)
class Reactions:
    """Seconds from what asks to the write that moves traffic."""

    seconds: Sequence[float]

    def quantile(self, share: float) -> float:
        """The smallest one that so many are not above."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def __str__(self) -> str:
        p50, p99 = (1_000 * self.quantile(share) for share in (0.5, 0.99))
        return f"{p50:.0f} / {p99:.0f} ms ({len(self.seconds)})"


class Audit:
    """Accepted writes in the order of their answers, from the moment of its making."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, path.stat().st_size

    def writes(self) -> Iterator[Object]:
        with self._path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                entry = json.loads(line) if line.endswith(b"\n") else {}
                if entry.get("verb") in ("patch", "update") and entry["responseStatus"]["code"] < 300:
                    yield entry

    def reaction(self, asks: Callable[[Object], bool], moves: Callable[[Object], bool]) -> float:
        """From the first write that asks to the first answer behind it that moves traffic."""
        began = None
        for entry in self.writes():
            if began is None and asks(entry):
                began = parse_time(entry["stageTimestamp"])
            elif began is not None and moves(entry):
                return (parse_time(entry["stageTimestamp"]) - began).total_seconds()
        raise AssertionError("the audit log lacks what asks, or what moves traffic")


@dataclass(frozen=True)
class Stage:
    """Where it is measured."""

    api: Api
    player: Player
    log: Path

    def create(self, prefix: str, steps: Sequence[Object], traffic: Callable[[int], Object]) -> list[str]:
        names = [f"{prefix}-{number:02d}" for number in range(COUNT)]
        for number, name in enumerate(names):
            document = body(*steps, edits={**PIN, "metadata.name": name, "spec.traffic": traffic(number)})
            self.api.create(DEPLOYMENT, document)
        self.all_are(names, "Serving")
        return names

    def all_are(self, names: Sequence[str], *reasons: str) -> None:
        for name in names:
            self.api.wait(DEPLOYMENT, name, lambda d: _is(d, reasons), 120)

    def all_are_past(self, names: Sequence[str], index: int) -> None:
        wait_until(lambda: all(_is_past(self.api, name, index) for name in names), "the next weight", 60)

    def candidates(self, names: Sequence[str], value: str) -> None:
        """Another value of a variable is another revision of the same bytes; of each Deployment its own."""
        for name in names:
            env = [{"name": "ROUND", "value": f"{value}-{name}"}]
            self.api.patch(DEPLOYMENT, name, {"spec": {"serving": {"env": env}}})
        self.all_are(names, "AwaitingPerson")

    def act(self, name: str, action: str) -> None:
        status = self.api.get(DEPLOYMENT, name)["status"]
        asked = {
            "action": action,
            "token": f"{action}-{time.monotonic_ns()}",
            "by": "kubernetes-admin",
            "revision": status["candidate"]["revision"],
            "step": status["step"]["index"],
        }
        note = {"metadata": {"annotations": {"trimtab.dev/action": json.dumps(asked)}}}
        self.api.patch(DEPLOYMENT, name, note)


def measures() -> list[Measure]:
    """Takes about 3 minutes."""
    plane, background = ControlPlane(BUILD / "reaction", audit=True), Background()
    plane.down()  # of an interrupted run
    try:
        with tempfile.TemporaryDirectory() as folder, running_registry(Path(folder) / "r") as registry:
            plane.up()
            plane.kubectl.apply_crds()
            gateway_api.install(plane.kubectl)
            ground = Ground(plane, registry, Path(folder))
            api = ground.api("reaction")
            reach = access.of_kubeconfig(plane.kubeconfig)
            with Player(reach, background, api.namespace, registry) as player:
                plant(api, 1)
                with ground.operator(api.namespace) as operator:
                    operator.wait_leading()
                    return _told(Stage(api, player, plane.audit_log))
    finally:
        background.stop()
        plane.down()


def _told(stage: Stage) -> list[Measure]:
    with step(f"{COUNT} canaries of {len(WEIGHTS)} weights by a route", usual_seconds=90):
        promoted = _weights(stage)
    with step(f"{2 * ROUNDS} rounds of {COUNT} candidates that go", usual_seconds=120):
        names = stage.create("pods", [{"weight": 50}, HOLD], lambda _: {})
        aborted = [seconds for number in range(ROUNDS) for seconds in _aborts(stage, names, number)]
        crashed = [seconds for number in range(ROUNDS) for seconds in _crashes(stage, names, number)]
    return [
        _within("promote asked for -> next weight written, p50 / p99", promoted),
        _within("abort asked for -> all traffic with stable, p50 / p99", aborted),
        _within("a container restarts -> all traffic with stable, p50 / p99", crashed),
    ]


def _within(name: str, seconds: Sequence[float]) -> Measure:
    found = Reactions(seconds)
    return Measure(name, str(found), "p99 <= 1 s", met=found.quantile(0.99) <= TARGET_SECONDS)


def _weights(stage: Stage) -> list[float]:
    """A hostname of its own for each; one pod is enough for any weight."""
    gateway = PlayedGateway(stage.api, stage.player.serving)
    gateway.start()
    try:
        steps = [part for weight in WEIGHTS for part in ({"weight": weight}, HOLD)]
        names = stage.create("route", steps, lambda n: TRAFFIC | {"hostnames": [f"d{n}.{HOSTNAME}"]})
        stage.candidates(names, "next")
        found = []
        for index in range(1, len(steps), 2):
            audit = Audit(stage.log)
            for name in names:
                stage.act(name, "promote")
                time.sleep(SPACING_SECONDS)
            stage.all_are_past(names, index)
            found += [audit.reaction(_asks(name), _moves("httproutes", name)) for name in names]
        return found
    finally:
        gateway.stop()


def _aborts(stage: Stage, names: Sequence[str], number: int) -> list[float]:
    stage.candidates(names, f"abort-{number}")
    audit = Audit(stage.log)
    for name in names:
        stage.act(name, "abort")
        time.sleep(SPACING_SECONDS)
    stage.all_are(names, "Aborted")
    return [audit.reaction(_asks(name), _moves("services", name)) for name in names]


def _crashes(stage: Stage, names: Sequence[str], number: int) -> list[float]:
    stage.candidates(names, f"crash-{number}")
    audit = Audit(stage.log)
    for name in names:
        stage.player.serving.restart(stage.api.get(DEPLOYMENT, name)["status"]["candidate"]["revision"])
        time.sleep(SPACING_SECONDS)
    stage.all_are(names, "Aborted")
    return [audit.reaction(_crashes_of(name), _moves("services", name)) for name in names]


def _is(deployment: Object, reasons: Sequence[str]) -> bool:
    current = deployment.get("status", {}).get("observedGeneration") == deployment["metadata"]["generation"]
    return current and condition(deployment, "Ready").get("reason") in reasons


def _is_past(api: Api, name: str, index: int) -> bool:
    status = api.get(DEPLOYMENT, name)["status"]
    moved = status.get("step", {}).get("index", len(WEIGHTS) * 2) > index
    return moved and status.get("phase") in ("Paused", "Ready")


def _asks(name: str) -> Callable[[Object], bool]:
    return lambda e: (
        _target(e) == ("deployments", name, "") and not e.get("userAgent", "").startswith(USER_AGENT)
    )


def _crashes_of(name: str) -> Callable[[Object], bool]:
    def holds(entry: Object) -> bool:
        resource, pod, part = _target(entry)
        return (resource, part) == ("pods", "status") and pod.startswith(f"{name}-")

    return holds


def _moves(resource: str, name: str) -> Callable[[Object], bool]:
    return lambda e: _target(e) == (resource, name, "") and e.get("userAgent", "").startswith(USER_AGENT)


def _target(entry: Object) -> tuple[str, str, str]:
    target = entry["objectRef"]
    return target["resource"], target.get("name", ""), target.get("subresource", "")


def main() -> int:
    found = measures()
    print(table(found))
    return 0 if all(measure.met for measure in found) else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
