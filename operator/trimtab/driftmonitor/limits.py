"""Why a retraining may not start now: an ordered chain of small checks, the first that objects says why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.apis.v1alpha1.driftmonitor import DriftMonitorSpec
from trimtab.apis.v1alpha1.driftmonitor_status import BudgetStatus
from trimtab.driftmonitor.ledger import Entry, Ledger, starts, used_in_a_day
from trimtab.driftmonitor.observed import Problem, RetrainObserved, RetrainWorld, Template
from trimtab.driftmonitor.reasons import Reason
from trimtab.model import names
from trimtab.model.clock import after, format_time

RESERVED_SECONDS = 300.0  # how long an entry without its Experiment is taken for one that is being made


@dataclass(frozen=True)
class Objection:
    """``refused``: it cannot be done, rather than not now."""

    reason: Reason
    message: str
    refused: bool = False


@dataclass(frozen=True)
class Asked:
    """The retraining that is asked for. ``own``: the entry that this decision has in the ledger already."""

    spec: DriftMonitorSpec
    model: str
    served_digest: str
    broken: bool
    world: RetrainWorld
    own: Entry | None
    now: datetime

    @property
    def is_reserved(self) -> bool:
        """Whether the place in the budget is ours now. One that was taken long ago is asked for again: an
        Experiment counts for the day on which it is made."""
        return self.own is not None and _is_young(self.own, self.now)

    @property
    def data(self) -> Mapping[str, str] | Problem:
        """The digests to train on: those of our entry, else what the tags stand for now."""
        return self.own.data if self.own else self.world.data


def objection(asked: Asked) -> Objection | None:
    return next(_objections(asked), None)


def _objections(asked: Asked) -> Iterator[Objection]:
    world = asked.world
    if asked.broken:
        text = "a data quality check failed in this window or the one before: data like this trains no model"
        yield Objection(Reason.DATA_QUALITY_BROKEN, text)
    if world.rollout:
        yield Objection(Reason.ROLLOUT_IN_PROGRESS, world.rollout)
    if isinstance(world.ledger, Problem):
        yield Objection(Reason.LEDGER_UNREADABLE, world.ledger.message, refused=True)
        return
    yield from _in_flight(asked, world.ledger)
    if isinstance(world.template, Problem):
        yield Objection(Reason.NOTHING_TO_COPY, world.template.message, refused=True)
        return
    yield from _data(asked, world.ledger, world.template)
    if not asked.is_reserved:
        yield from _budget(asked, world.ledger)


def _in_flight(asked: Asked, ledger: Ledger) -> Iterator[Objection]:
    """One at a time is a rule. An entry that has no Experiment yet is one that somebody is making."""
    for retrain in asked.world.retrains:
        if asked.own is None or retrain.name != asked.own.name:
            yield from _busy(retrain)
    made = {retrain.name for retrain in asked.world.retrains}
    for entry in ledger.entries:
        if _is_young(entry, asked.now) and entry != asked.own and entry.name not in made:
            text = f"Experiment {entry.name}, decided by DriftMonitor {entry.monitor} just now, is not there"
            yield Objection(Reason.RETRAIN_IN_FLIGHT, f"{text}: it is being made, or was deleted")


def _is_young(entry: Entry, now: datetime) -> bool:
    return entry.at > now - timedelta(seconds=RESERVED_SECONDS)


def _busy(retrain: RetrainObserved) -> Iterator[Objection]:
    if not retrain.final:
        yield Objection(Reason.RETRAIN_IN_FLIGHT, f"Experiment {retrain.name} is not done")
    elif retrain.awaits:
        yield Objection(Reason.RETRAIN_IN_FLIGHT, retrain.awaits)


def _data(asked: Asked, ledger: Ledger, template: Template) -> Iterator[Objection]:
    data = asked.data
    if isinstance(data, Problem):
        if data.transient:
            yield Objection(Reason.REGISTRY_UNAVAILABLE, data.message)
        else:
            yield Objection(Reason.DATA_INVALID, data.message, refused=True)
        return
    train = [source.name for source in template.spec.data if source.split == "train"]
    if all(data[name] == asked.world.served_data.get(name) for name in train):
        text = "the tags of the train data stand for what the served version was trained on; publish new data"
        yield Objection(Reason.DATA_UNCHANGED, text)
    name = names.retrain(asked.model, asked.served_digest, data)
    known = ledger.named(name) is not None or any(r.name == name for r in asked.world.retrains)
    if known and (asked.own is None or asked.own.name != name):
        text = f"Experiment {name} was made for this version and this data already; publish new data"
        yield Objection(Reason.ALREADY_ACTED_ON, text)


def _budget(asked: Asked, ledger: Ledger) -> Iterator[Objection]:
    limits = asked.spec.limits
    own = asked.own.name if asked.own else ""
    budget = budget_of(asked.spec, asked.world, ledger, asked.now, without=own)
    if budget.used_today >= limits.max_retrains_per_day:
        used = f"{budget.used_today} of {limits.max_retrains_per_day}"
        text = f"{used} retrainings of {asked.model} were started in the last 24 hours"
        yield Objection(Reason.BUDGET_SPENT, text)
    if budget.cooldown_until is not None and budget.cooldown_until > asked.now:
        yield Objection(Reason.COOLDOWN, f"until {format_time(budget.cooldown_until)}")


def budget_of(
    spec: DriftMonitorSpec, world: RetrainWorld, ledger: Ledger, now: datetime, *, without: str = ""
) -> BudgetStatus:
    """What is used up, over all monitors of the model; ``without``: by others than this Experiment."""
    started = starts(ledger, ((retrain.name, retrain.created) for retrain in world.retrains))
    started.pop(without, None)
    last = max(started.values(), default=None)
    return BudgetStatus(
        used_today=used_in_a_day(started, now),
        max_per_day=spec.limits.max_retrains_per_day,
        cooldown_until=None if last is None else after(last, spec.limits.cooldown_seconds),
    )
