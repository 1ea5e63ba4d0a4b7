"""Scrapes the pods of every Deployment that somebody asks about, and keeps the last round of each.

One round serves every reader of a Deployment: its canary, and its drift monitors. Rounds come once per
interval, and when a reader's window closes. The reconciles that follow take it; nothing is decided here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trimtab.model.kinds import ObjectKey
from trimtab.sources.scrape import Scraper, Target
from trimtab_runtime.contract.answers import Answers
from trimtab_runtime.contract.page import ServerPage

SHORTEST_PAUSE_SECONDS = 0.05


@dataclass
class Round:
    """The newest scrape of one Deployment's pods: pages by uid, and by name why there is none; answers by
    uid, of those that were asked for them."""

    number: int
    at: datetime
    pages: Mapping[str, ServerPage]
    failures: Mapping[str, str]
    answers: Mapping[str, Answers] = field(default_factory=dict)


@dataclass
class _Reader:
    targets: Sequence[Target]
    due: datetime | None
    asked_at: float


@dataclass
class _Watch:
    readers: dict[ObjectKey, _Reader] = field(default_factory=dict)
    last: Round | None = None
    started_at: float = float("-inf")

    @property
    def targets(self) -> list[Target]:
        """Every pod that a reader asks for, once; with its answers, if a reader wants these."""
        asked = [target for reader in self.readers.values() for target in reader.targets]
        return list({t.uid: t for t in sorted(asked, key=lambda target: bool(target.answers_of))}.values())


class MetricsWatch:
    """Deployments are added by asking for a round; one that nobody asks for any more is dropped."""

    def __init__(
        self, scraper: Scraper, interval_seconds: float, notify: Callable[[ObjectKey], None]
    ) -> None:
        self._scraper = scraper
        self._interval_seconds = interval_seconds
        self._notify = notify
        self._watches: dict[ObjectKey, _Watch] = {}
        self._wake = asyncio.Event()

    def latest(
        self,
        deployment: ObjectKey,
        reader: ObjectKey,
        targets: Sequence[Target],
        *,
        due: datetime | None = None,
    ) -> Round | None:
        """The newest round of the Deployment; its pods are scraped from now on, those of ``targets`` next
        time. ``due``: when the reader needs one besides those of every interval."""
        watch = self._watches.setdefault(deployment, _Watch())
        known = watch.readers.get(reader)
        watch.readers[reader] = _Reader(targets, due, time.monotonic())
        if known is None or known.due != due:
            self._wake.set()
        return watch.last

    def forget(self, deployment: ObjectKey, reader: ObjectKey) -> None:
        """The reader needs no more rounds."""
        watch = self._watches.get(deployment)
        if watch is not None and reader in watch.readers:
            del watch.readers[reader]
            if not watch.readers:
                del self._watches[deployment]

    async def run(self) -> None:
        """Rounds for ever; a Deployment's pods are scraped together, so both sides see the same interval."""
        while True:
            self._wake.clear()
            now = time.monotonic()
            due = [watch for watch in self._watches.values() if self._next(watch) <= now]
            await asyncio.gather(*(self._round(watch) for watch in due))
            self._drop_unwanted()
            times = [self._next(watch) for watch in self._watches.values()]
            pause = min(times, default=now + self._interval_seconds) - time.monotonic()
            try:
                await asyncio.wait_for(self._wake.wait(), max(SHORTEST_PAUSE_SECONDS, pause))
            except TimeoutError:
                continue

    def _next(self, watch: _Watch) -> float:
        """When the watch's next round is due, on the monotonic clock."""
        regular = watch.started_at + self._interval_seconds
        last = watch.last.at if watch.last else None
        boundaries = [r.due for r in watch.readers.values() if r.due and (last is None or r.due > last)]
        if not boundaries:
            return regular
        return min(regular, time.monotonic() + (min(boundaries) - datetime.now(UTC)).total_seconds())

    async def _round(self, watch: _Watch) -> None:
        watch.started_at = time.monotonic()
        scraped = await self._scraper.scrape(watch.targets)
        number = watch.last.number + 1 if watch.last else 1
        watch.last = Round(number, datetime.now(UTC), scraped.pages, scraped.failures, scraped.answers)
        for reader in list(watch.readers):
            self._notify(reader)

    def _drop_unwanted(self) -> None:
        limit = time.monotonic() - 10 * self._interval_seconds - 60
        for deployment, watch in list(self._watches.items()):
            for reader, asked in list(watch.readers.items()):
                if asked.asked_at < limit:
                    self.forget(deployment, reader)
