"""Events: one for each young line of an object's history, made beside the passes and at a pace of their own.

Nothing rests on an Event, so no decision waits for one. What is not made when the process ends, its successor
makes: the lines are in the status, and an Event's name follows from its line, so that it exists once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.cluster.client import Client, Refused
from trimtab.model import history, names
from trimtab.model.clock import parse_time
from trimtab.model.errors import Conflict, Exists, Gone, Transient
from trimtab.model.kinds import EVENT, Kind

logger = logging.getLogger(__name__)

Object = dict[str, Any]
# A line that finds no room waits in the status: a later pass over its object brings it again.
WAITING_LIMIT = 10_000
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    kind: Kind
    meta: Mapping[str, Any]
    entry: Mapping[str, Any]


class Recorder:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: deque[_Line] = deque()
        self._seen: dict[str, datetime] = {}
        self._changed = asyncio.Event()

    def record(self, kind: Kind, subject: Mapping[str, Any], now: datetime) -> None:
        """Take in the lines of a stored status that have not been taken in yet."""
        self._forget(now)
        for entry in history.recent(subject.get("status", {}), now):
            name = names.event(subject["metadata"]["uid"], entry["id"])
            if name in self._seen:
                continue
            if len(self._waiting) >= WAITING_LIMIT:
                return
            self._seen[name] = parse_time(entry["time"])
            self._waiting.append(_Line(name, kind, subject["metadata"], entry))
            self._changed.set()

    async def run(self) -> None:
        """Makes one Event after the other until cancelled."""
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            if await self._make(_event(self._waiting[0])):
                self._waiting.popleft()
            else:
                await asyncio.sleep(RETRY_SECONDS)

    async def _make(self, event: Object) -> bool:
        """False if it is to be tried again."""
        try:
            await self._client.create(EVENT, event)
        except Exists:
            return True
        except (Gone, Refused) as error:
            # A namespace that ends takes no Events; nothing depends on them.
            logger.warning("event refused: %s", error)
        except (Conflict, Transient) as error:
            logger.warning("event delayed: %s", error)
            return False
        return True

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def _forget(self, now: datetime) -> None:
        """What is too old to be taken in again; they came in nearly the order of their times."""
        while self._seen:
            name, time = next(iter(self._seen.items()))
            if history.is_recent(time, now):
                return
            del self._seen[name]


def _event(line: _Line) -> Object:
    meta, entry = line.meta, line.entry
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": line.name, "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": line.kind.api_version,
            "kind": line.kind.name,
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "type": entry["type"],
        "reason": entry["reason"],
        "message": entry["message"],
        "firstTimestamp": entry["time"],
        "lastTimestamp": entry["time"],
        "count": 1,
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": "trimtab.dev/operator",
        "reportingInstance": names.FIELD_MANAGER,
    }
