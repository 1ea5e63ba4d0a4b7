"""The pace of writes: a burst, then so many per second; what is urgent waits for nobody."""

from __future__ import annotations

import asyncio
import time

import pytest

from trimtab.cluster import pace
from trimtab.cluster.pace import BURST_SECONDS, Pace, urgency

PER_SECOND = 50.0
BURST = round(PER_SECOND * BURST_SECONDS)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long takers wait; the clock stands still."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(pace.asyncio, "sleep", sleep)
    monkeypatch.setattr(pace.time, "monotonic", lambda: 100.0)
    return found


def takes(bucket: Pace, count: int, *, urgent: bool = False) -> None:
    async def all_of_them() -> None:
        with urgency(urgent):
            for _ in range(count):
                await bucket.take()

    asyncio.run(all_of_them())


def test_a_burst_is_free_and_what_follows_waits_its_turn(slept: list[float]) -> None:
    bucket = Pace(PER_SECOND)
    takes(bucket, BURST)
    assert slept == []
    takes(bucket, 3)
    assert slept == pytest.approx([1 / PER_SECOND, 2 / PER_SECOND, 3 / PER_SECOND])


def test_what_is_urgent_does_not_wait_and_others_wait_the_longer(slept: list[float]) -> None:
    bucket = Pace(PER_SECOND)
    takes(bucket, BURST)
    takes(bucket, 10, urgent=True)
    assert slept == []
    takes(bucket, 1)
    assert slept == pytest.approx([11 / PER_SECOND])


def test_time_fills_it_up_to_its_burst(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Pace(PER_SECOND)
    takes(bucket, BURST)
    monkeypatch.setattr(pace.time, "monotonic", lambda: 100.0 + 10 * BURST_SECONDS)
    takes(bucket, BURST)
    assert slept == []
    takes(bucket, 1)
    assert len(slept) == 1


def test_urgency_ends_with_its_block() -> None:
    began = time.monotonic()

    async def two() -> None:
        bucket = Pace(PER_SECOND)
        with urgency(True):
            for _ in range(BURST + 5):
                await bucket.take()
        await bucket.take()

    asyncio.run(two())
    assert time.monotonic() - began >= 5 / PER_SECOND
