"""A small world around the monitors of one model: its record, Experiments, versions, and windows that come.

It carries out plans as the API server would: a write that meets another resourceVersion is refused, and a
process may die between any two.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from tests.harness.population import SUMMER_MISJUDGED, WINTER, World
from tests.unit.operator import drift_samples as samples
from tests.unit.operator.drift_samples import PROFILE
from tests.unit.operator.samples import NOW, digest

from trimtab.apis.v1alpha1.driftmonitor_status import DriftMonitorStatus
from trimtab.driftmonitor import ledger as ledgers
from trimtab.driftmonitor.choice import needs_world
from trimtab.driftmonitor.decide import decide
from trimtab.driftmonitor.judgement import Judgement, judge
from trimtab.driftmonitor.observed import (
    DriftMonitorObserved,
    Reference,
    RetrainObserved,
    RetrainWorld,
)
from trimtab.model.kinds import CONFIG_MAP, EXPERIMENT
from trimtab.model.plan import ChildWrite, Create, Plan, Replace


class Refused(Exception):
    """The write meets another state than it was decided on."""


@dataclass
class Monitor:
    name: str
    uid: str
    status: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    judgement: Judgement | None = None
    action: str = ""


@dataclass
class Made:
    """An Experiment that a monitor has made. ``awaits``: its version is not served yet."""

    name: str
    created: datetime
    trigger: tuple[str, str]
    final: bool = False
    awaits: str = ""


@cache
def judgement_of(world: World, raised: bool) -> Judgement:
    """A window of this world; ``raised``: the ones before were like it."""
    before = samples.status()
    for _ in range(3 if raised else 1):
        found = judge(samples.spec(), before, PROFILE, samples.window(600, world))
        assert found is not None
        before = before.model_copy(update={"persistence": found.persistence, "signals": found.signals})
    assert found is not None
    return found


QUIET = judgement_of(WINTER, True)
WORSE = judgement_of(SUMMER_MISJUDGED, True)
BROKEN = judgement_of(World(right=False, missing=0.5), True)


class DriftWorld:
    def __init__(self, *, mode: str = "Auto", cooldown: str = "0s", per_day: int = 2) -> None:
        limits = {"cooldown": cooldown, "maxRetrainsPerDay": per_day}
        self.spec = samples.spec(mode=mode, limits=limits)
        self.now = NOW
        self.monitors: dict[str, Monitor] = {}
        self.record: dict[str, Any] | None = None
        self.experiments: dict[str, Made] = {}
        self.data = dict(samples.NEW_DATA)
        self.served = 1
        self.rollout = ""
        self.started: list[tuple[datetime, str]] = []
        self._uids = self._versions = self._windows = 0

    # --- what happens -------------------------------------------------------------------------------------

    def watch(self, name: str) -> None:
        self._uids += 1
        self.monitors[name] = Monitor(name, f"uid-{self._uids}")

    def close_window(self, name: str, judgement: Judgement) -> None:
        self._windows += 1
        start = self.now + timedelta(seconds=self._windows)
        window = judgement.window.model_copy(update={"start": start, "end": start + timedelta(seconds=1)})
        self.monitors[name].judgement = replace(judgement, window=window)

    def publish(self) -> None:
        self._versions += 1
        self.data = {
            split: digest(f"{self._versions % 16:x}")[:-4] + f"{self._versions:04x}" for split in self.data
        }

    def advance(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    # --- what the operator does ---------------------------------------------------------------------------

    def observe(self, name: str) -> DriftMonitorObserved:
        monitor = self.monitors[name]
        reference = Reference(f"churn-v{self.served}", samples.BYTES[self.served], PROFILE.digest)
        observed = samples.observed(
            name=name,
            uid=monitor.uid,
            spec=self.spec,
            status=DriftMonitorStatus.model_validate(monitor.status),
            reference=reference,
            judgement=monitor.judgement,
            action=monitor.action,
        )
        return replace(observed, world=self._world(observed)) if needs_world(observed) else observed

    def _world(self, observed: DriftMonitorObserved) -> RetrainWorld:
        ledger = ledgers.read(self.record)
        decision = observed.status.decision
        own = ledger.of(observed.uid, decision.id) if decision else None
        made = self.experiments.get(own.name) if own else None
        if made is not None and decision is not None and made.trigger != (observed.name, decision.id):
            made = None
        retrains = tuple(
            RetrainObserved(e.name, e.created, e.final, e.awaits) for e in self.experiments.values()
        )
        return samples.world(
            data=dict(self.data),
            ledger=ledger,
            retrains=retrains,
            rollout=self.rollout,
            made=RetrainObserved(made.name, made.created, made.final) if made else None,
        )

    def plan(self, name: str) -> tuple[int, Plan]:
        """A decision, and the version of the monitor that it was made on."""
        return self.monitors[name].version, decide(self.observe(name), self.now)

    def carry_out(self, name: str, version: int, plan: Plan, *, writes: int = 99) -> None:
        """The first ``writes`` writes of a plan; then the process is gone."""
        monitor = self.monitors.get(name)
        if plan.status is not None and writes > 0:
            if monitor is None or monitor.version != version:
                raise Refused("status")
            monitor.status, monitor.version = dict(plan.status), monitor.version + 1
            if DriftMonitorStatus.model_validate(plan.status).window is not None:
                monitor.judgement = None  # status shows it
            writes -= 1
        for child in plan.children[:writes]:
            self._write(child)

    def run(self, name: str, *, writes: int = 99) -> bool:
        """One pass; whether there was anything to write."""
        version, plan = self.plan(name)
        self.carry_out(name, version, plan, writes=writes)
        return not plan.is_empty

    def settle(self, name: str) -> None:
        for _ in range(12):
            if not self.run(name):
                return
        raise AssertionError("no end of passes")

    def _write(self, child: ChildWrite) -> None:
        match child:
            case Create(kind, body) if kind == CONFIG_MAP:
                if self.record is None:
                    self.record = self._stored(body, 1)
            case Replace(kind, body) if kind == CONFIG_MAP:
                known = self.record["metadata"]["resourceVersion"] if self.record else ""
                if body["metadata"].get("resourceVersion") != known:
                    raise Refused("record")
                self.record = self._stored(body, int(known) + 1)
            case Create(kind, body) if kind == EXPERIMENT:
                self._create(body)
            case _:
                raise AssertionError(f"unexpected write {child}")

    def _stored(self, body: Any, version: int) -> dict[str, Any]:
        return {**body, "metadata": {**body["metadata"], "resourceVersion": str(version)}}

    def _create(self, body: Any) -> None:
        name, trigger = body["metadata"]["name"], body["spec"]["trigger"]
        known = self.experiments.get(name)
        if known is not None:
            if known.trigger[1] != trigger["decision"]:
                raise Refused("experiment")
            return
        self.experiments[name] = Made(name, self.now, (trigger["name"], trigger["decision"]))
        self.started.append((self.now, name))
