"""Rounds of scrapes: one for all readers of a Deployment, in time for every window's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from trimtab.model.kinds import ObjectKey
from trimtab.runtime.metrics_watch import MetricsWatch
from trimtab.sources.scrape import Scraper

FLIGHTS = ObjectKey("Deployment", "ml", "flights")
TRAINS = ObjectKey("Deployment", "ml", "trains")
MONITOR = ObjectKey("DriftMonitor", "ml", "flights")
LONG = 60.0


class Readers:
    """Who was told of a round, in order."""

    def __init__(self) -> None:
        self.told: list[ObjectKey] = []
        self._changed = asyncio.Event()

    def tell(self, key: ObjectKey) -> None:
        self.told.append(key)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                await self._changed.wait()
                self._changed.clear()


@asynccontextmanager
async def watching(interval: float) -> AsyncIterator[tuple[MetricsWatch, Readers]]:
    scraper, readers = Scraper(), Readers()
    watch = MetricsWatch(scraper, interval, readers.tell)
    running = asyncio.create_task(watch.run())
    try:
        yield watch, readers
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await scraper.close()


async def test_one_round_serves_every_reader() -> None:
    async with watching(LONG) as (watch, readers):
        assert watch.latest(FLIGHTS, FLIGHTS, []) is None
        assert watch.latest(FLIGHTS, MONITOR, []) is None
        await readers.until(lambda: {FLIGHTS, MONITOR} <= set(readers.told))
        first, second = watch.latest(FLIGHTS, FLIGHTS, []), watch.latest(FLIGHTS, MONITOR, [])
        assert first is not None and first is second and first.number == 1


async def test_a_window_that_ends_has_a_round_at_its_end() -> None:
    async with watching(LONG) as (watch, readers):
        watch.latest(FLIGHTS, MONITOR, [])
        await readers.until(lambda: bool(readers.told))
        end = datetime.now(UTC) + timedelta(seconds=0.4)
        watch.latest(FLIGHTS, MONITOR, [], due=end)
        await readers.until(lambda: len(readers.told) == 2)
        round_ = watch.latest(FLIGHTS, MONITOR, [], due=end)
        assert round_ is not None and round_.number == 2
        assert end <= round_.at < end + timedelta(seconds=5), "not before it, and long before the interval"


async def test_an_end_that_has_its_round_is_not_read_again() -> None:
    async with watching(LONG) as (watch, readers):
        watch.latest(TRAINS, TRAINS, [])
        watch.latest(FLIGHTS, MONITOR, [])
        await readers.until(lambda: len(readers.told) == 2)
        past = datetime.now(UTC) - timedelta(seconds=30)
        soon = datetime.now(UTC) + timedelta(seconds=0.3)
        watch.latest(FLIGHTS, MONITOR, [], due=past)
        watch.latest(TRAINS, TRAINS, [], due=soon)
        await readers.until(lambda: len(readers.told) == 3)
        assert readers.told[-1] == TRAINS


async def test_a_reader_that_forgets_leaves_the_others_theirs() -> None:
    async with watching(0.05) as (watch, readers):
        watch.latest(FLIGHTS, FLIGHTS, [])
        watch.latest(FLIGHTS, MONITOR, [])
        await readers.until(lambda: MONITOR in readers.told)
        watch.forget(FLIGHTS, FLIGHTS)
        seen = len(readers.told)
        await readers.until(lambda: len(readers.told) > seen + 3)
        assert set(readers.told[seen + 1 :]) == {MONITOR}
        watch.forget(FLIGHTS, MONITOR)
        assert watch.latest(FLIGHTS, MONITOR, []) is None, "nobody was left, so it begins anew"
