"""Scrapes the pods of every Deployment that has a candidate, once per interval, and keeps the last round.

One round serves every reader of a Deployment. The reconcile that follows takes it; nothing is decided here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trimtab.model.kinds import ObjectKey
from trimtab.sources.scrape import Scraper, Target
from trimtab_runtime.contract.page import ServerPage


@dataclass
class Round:
    """The newest scrape of one Deployment's pods, and the pages of the round before it."""

    number: int
    at: datetime
    pages: Mapping[str, ServerPage]
    failures: Mapping[str, str]


@dataclass
class _Watch:
    targets: Sequence[Target]
    wanted_at: float
    last: Round | None = None
    running: bool = field(default=False)


class MetricsWatch:
    """Keys are added by asking for a round; a key that nobody asks for any more is dropped."""

    def __init__(
        self, scraper: Scraper, interval_seconds: float, notify: Callable[[ObjectKey], None]
    ) -> None:
        self._scraper = scraper
        self._interval_seconds = interval_seconds
        self._notify = notify
        self._watches: dict[ObjectKey, _Watch] = {}
        self._wake = asyncio.Event()

    def latest(self, key: ObjectKey, targets: Sequence[Target]) -> Round | None:
        """The newest round of the key; its pods are scraped from now on, those of ``targets`` next time."""
        watch = self._watches.get(key)
        if watch is None:
            self._watches[key] = _Watch(targets, time.monotonic())
            self._wake.set()
            return None
        watch.targets, watch.wanted_at = targets, time.monotonic()
        return watch.last

    def forget(self, key: ObjectKey) -> None:
        self._watches.pop(key, None)

    async def run(self) -> None:
        """Rounds for ever; a Deployment's pods are scraped together, so both sides see the same interval."""
        while True:
            started = time.monotonic()
            await asyncio.gather(*(self._round(key, watch) for key, watch in list(self._watches.items())))
            self._drop_unwanted()
            pause = self._interval_seconds - (time.monotonic() - started)
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), max(0.05, pause))
            except TimeoutError:
                continue

    async def _round(self, key: ObjectKey, watch: _Watch) -> None:
        scraped = await self._scraper.scrape(watch.targets)
        number = watch.last.number + 1 if watch.last else 1
        watch.last = Round(number, datetime.now(UTC), scraped.pages, scraped.failures)
        self._notify(key)

    def _drop_unwanted(self) -> None:
        limit = time.monotonic() - 10 * self._interval_seconds - 60
        for key in [key for key, watch in self._watches.items() if watch.wanted_at < limit]:
            del self._watches[key]
