"""The retrainings of a model, as its ConfigMap keeps them: they outlive monitors and Experiments.

An entry is written before its Experiment is made, guarded by resourceVersion: of two monitors, or two
operators, only one can take the last place of a day. The entry holds the digests that the tags stood for, so
whoever goes on after a crash makes the same Experiment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trimtab.model import names
from trimtab.model.clock import format_time, parse_time

DAY = timedelta(hours=24)
LIMIT = 50  # entries kept; more than two days of the largest budget


class UnreadableLedger(ValueError):
    """The key holds something that no operator wrote."""


@dataclass(frozen=True)
class Entry:
    """One retraining: what it was to be called, when, by whom, on what."""

    name: str
    at: datetime
    monitor: str
    monitor_uid: str
    decision: str
    data: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "at": format_time(self.at),
            "monitor": self.monitor,
            "monitorUid": self.monitor_uid,
            "decision": self.decision,
            "data": dict(self.data),
        }


@dataclass(frozen=True)
class Ledger:
    """``body``: the model's ConfigMap from a live read; None = it does not exist."""

    body: Mapping[str, Any] | None = None
    entries: tuple[Entry, ...] = ()

    def named(self, name: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.name == name), None)

    def of(self, monitor_uid: str, decision: str) -> Entry | None:
        """The newest entry of a decision."""
        mine = (e for e in self.entries if (e.monitor_uid, e.decision) == (monitor_uid, decision))
        return max(mine, key=lambda entry: entry.at, default=None)

    def with_entry(self, entry: Entry) -> dict[str, str]:
        """The ConfigMap's data with one more entry; one of the same name is replaced."""
        entries = [*(known for known in self.entries if known.name != entry.name), entry][-LIMIT:]
        text = json.dumps([kept.to_json() for kept in entries], sort_keys=True)
        return {**(self.body or {}).get("data", {}), names.KEY_RETRAINS: text}


def read(body: Mapping[str, Any] | None) -> Ledger:
    """The ledger in a ConfigMap. Raises UnreadableLedger."""
    text = (body or {}).get("data", {}).get(names.KEY_RETRAINS, "[]")
    try:
        entries = tuple(_entry(stored) for stored in json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableLedger(f"{type(error).__name__}: {error}") from error
    return Ledger(body, entries)


def _entry(stored: Mapping[str, Any]) -> Entry:
    at = parse_time(stored["at"])
    if at.tzinfo is None:
        raise ValueError("a time without zone")
    return Entry(
        name=stored["name"],
        at=at,
        monitor=stored["monitor"],
        monitor_uid=stored["monitorUid"],
        decision=stored["decision"],
        data={str(name): str(digest) for name, digest in stored["data"].items()},
    )


def starts(ledger: Ledger, experiments: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """When each retraining started, by name: the ledger's, and Experiments that a lost ledger forgot."""
    known = dict(experiments)
    for entry in ledger.entries:
        known[entry.name] = max(entry.at, known.get(entry.name, entry.at))
    return known


def used_in_a_day(started: Mapping[str, datetime], now: datetime) -> int:
    """Retrainings of the last 24 hours. One from the future counts: a clock that is wrong spends no more."""
    return sum(at > now - DAY for at in started.values())
