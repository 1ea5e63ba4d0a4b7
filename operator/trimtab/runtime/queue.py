"""The work queue: de-duplicated keys, a heap of later ones, one running reconcile per key.

Guarantees: a key added while its reconcile runs is run once more afterwards; two runs of one key never
overlap; failing keys back off 1 s..5 min with jitter and are forgiven after a success.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import OrderedDict
from collections.abc import Callable

from trimtab.model.kinds import ObjectKey

BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_LAST_SECONDS = 300.0
_JITTER = 0.2


class WorkQueue:
    """``late`` is told, of each key that a timer asked for, how many seconds after its time it is run."""

    def __init__(self, late: Callable[[float], None] = lambda seconds: None) -> None:
        self._late = late
        self._fired: dict[ObjectKey, float] = {}
        self._urgent: OrderedDict[ObjectKey, float] = OrderedDict()
        self._resync: OrderedDict[ObjectKey, float] = OrderedDict()
        self._later: list[tuple[float, int, ObjectKey]] = []
        self._due: dict[ObjectKey, float] = {}
        self._running: set[ObjectKey] = set()
        self._again: set[ObjectKey] = set()
        self._failures: dict[ObjectKey, int] = {}
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._sequence = 0

    def add(self, key: ObjectKey, *, resync: bool = False) -> None:
        """Run the key as soon as a worker is free; events of users go before resyncs."""
        if key in self._running:
            self._again.add(key)
            return
        if resync and key not in self._urgent:
            self._resync.setdefault(key, _now())
        else:
            self._resync.pop(key, None)
            self._urgent.setdefault(key, _now())
        self._idle.clear()
        self._changed.set()

    def add_after(self, key: ObjectKey, seconds: float) -> None:
        """Run the key in ``seconds`` at the latest; an earlier wake-up of the same key stands."""
        due = _now() + max(0.0, seconds)
        if self._due.get(key, float("inf")) <= due:
            return
        self._due[key] = due
        self._sequence += 1
        heapq.heappush(self._later, (due, self._sequence, key))
        self._changed.set()

    def retry(self, key: ObjectKey) -> float:
        """Run the key after its back-off; returns the seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        seconds: float = min(BACKOFF_LAST_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(failures, 16))
        seconds *= random.uniform(1 - _JITTER, 1 + _JITTER)
        self.add_after(key, seconds)
        return seconds

    def forgive(self, key: ObjectKey) -> None:
        self._failures.pop(key, None)

    async def take(self) -> ObjectKey:
        """The next key to run; the caller must `done` it."""
        while True:
            self._promote_due()
            for waiting in (self._urgent, self._resync):
                if waiting:
                    key, _ = waiting.popitem(last=False)
                    self._running.add(key)
                    if key in self._fired:
                        self._late(_now() - self._fired.pop(key))
                    return key
            self._idle.set()
            await self._wait_for_change()

    async def idle(self) -> None:
        """Until a worker finds nothing that waits."""
        await self._idle.wait()

    def done(self, key: ObjectKey) -> None:
        self._running.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    @property
    def depth(self) -> int:
        return len(self._urgent) + len(self._resync)

    @property
    def oldest_age_seconds(self) -> float:
        waiting = [next(iter(q.values())) for q in (self._urgent, self._resync) if q]
        return float(_now() - min(waiting)) if waiting else 0.0

    def _promote_due(self) -> None:
        while self._later and self._later[0][0] <= _now():
            due, _, key = heapq.heappop(self._later)
            if self._due.get(key) == due:
                del self._due[key]
                self._fired.setdefault(key, due)
                self.add(key)

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        timeout = max(0.0, self._later[0][0] - _now()) if self._later else None
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return


def _now() -> float:
    return asyncio.get_running_loop().time()
