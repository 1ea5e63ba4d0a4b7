"""The work queue: one key once, one run per key, back-off that grows and ends, people before resyncs.

Time is a loop of its own whose clock jumps to what is waited for: no test sleeps.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.effort import examples

from trimtab.model.kinds import ObjectKey
from trimtab.runtime.queue import BACKOFF_FIRST_SECONDS, BACKOFF_LAST_SECONDS, WorkQueue

A, B, C = (ObjectKey("Experiment", "ml", name) for name in "abc")


CREEP_SECONDS = 1e-8
"""How far the clock moves at least in each turn of the loop. asyncio calls a timer that is due within its
resolution (1 ns) at once: were the clock to stand still, who waits for that moment would wait for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Where a real loop would wait, the clock jumps; and no clock stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("everybody waits for ever")
        self.now += max(timeout or 0.0, CREEP_SECONDS) if not ready else CREEP_SECONDS
        return ready


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(test: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(test)


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def take_all(queue: WorkQueue) -> list[ObjectKey]:
    """What can be had at once."""
    taken = []
    while queue.depth:
        key = await queue.take()
        taken.append(key)
        queue.done(key)
    return taken


def test_a_key_is_queued_once() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        for key in (A, B, A, A):
            queue.add(key)
        queue.add(B, resync=True)
        assert queue.depth == 2
        assert await take_all(queue) == [A, B]

    run(scenario())


def test_people_go_before_resyncs_and_a_resync_can_become_urgent() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add(A, resync=True)
        queue.add(B, resync=True)
        queue.add(C)
        queue.add(B)
        assert await take_all(queue) == [C, B, A]

    run(scenario())


def test_a_key_that_runs_is_not_taken_again_until_it_is_done() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add(A)
        assert await queue.take() == A
        queue.add(A)
        queue.add(A)
        queue.add(B)
        assert await queue.take() == B
        assert queue.depth == 0
        queue.done(A)
        assert queue.depth == 1, "what happened while it ran is looked at once more"
        assert await queue.take() == A
        queue.done(A)
        assert queue.depth == 0

    run(scenario())


def test_a_waiting_worker_is_woken() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        workers = [asyncio.create_task(queue.take()) for _ in range(2)]
        await asyncio.sleep(0)
        queue.add(A)
        queue.add(B)
        assert {await worker for worker in workers} == {A, B}

    run(scenario())


def test_idle_is_when_a_worker_finds_nothing() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add(A)
        idle = asyncio.create_task(queue.idle())
        assert await queue.take() == A
        await asyncio.sleep(0)
        assert not idle.done(), "nobody has looked again"
        queue.done(A)
        worker = asyncio.create_task(queue.take())
        await idle
        queue.add(B)
        assert await worker == B
        again = asyncio.create_task(queue.idle())
        await asyncio.sleep(0)
        assert not again.done()
        again.cancel()

    run(scenario())


@pytest.mark.parametrize(
    ("delays", "due", "why"),
    [
        ([10.0], 10.0, "the plain case"),
        ([10.0, 3.0], 3.0, "an earlier wake-up wins"),
        ([3.0, 10.0], 3.0, "a later one does not push it back"),
        ([0.0], 0.0, "now"),
        ([-5.0], 0.0, "in the past is now"),
    ],
)
def test_later_keys(delays: list[float], due: float, why: str) -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        for delay in delays:
            queue.add_after(A, delay)
        assert await queue.take() == A
        assert seconds() == pytest.approx(due, abs=1e-6), why
        queue.done(A)
        queue.add_after(B, 100.0)
        assert await queue.take() == B, "the overtaken wake-up is gone"

    run(scenario())


def test_a_sleeping_worker_minds_an_earlier_wake_up() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add_after(A, 60.0)
        worker = asyncio.create_task(queue.take())
        await asyncio.sleep(1)
        queue.add_after(B, 2.0)
        assert await worker == B
        assert seconds() == pytest.approx(3.0)

    run(scenario())


def test_a_wake_up_of_a_running_key_waits_for_its_end() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.add(A)
        await queue.take()
        queue.add_after(A, 1.0)
        queue.add_after(B, 2.0)
        assert await queue.take() == B
        queue.done(A)
        assert await queue.take() == A

    run(scenario())


def test_back_off_grows_with_jitter_up_to_its_limit_and_is_forgiven() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        waits = [queue.retry(A) for _ in range(20)]
        for failures, wait in enumerate(waits):
            expected = min(BACKOFF_LAST_SECONDS, BACKOFF_FIRST_SECONDS * 2**failures)
            assert 0.8 * expected <= wait <= 1.2 * expected
        assert 0.8 <= queue.retry(B) <= 1.2, "each key has its own"
        queue.forgive(A)
        assert 0.8 <= queue.retry(A) <= 1.2

    run(scenario())


def test_a_failing_key_comes_back_after_its_back_off() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.retry(A)
        wait = queue.retry(A)
        first = await queue.take()
        assert first == A
        assert 0.8 <= seconds() <= 1.2, "the first wake-up, which is earlier, stands"
        assert wait > seconds()

    run(scenario())


def test_the_oldest_waiting_key_has_an_age() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        assert queue.oldest_age_seconds == 0.0
        queue.add(A, resync=True)
        await asyncio.sleep(3)
        queue.add(B)
        queue.add(A)
        await asyncio.sleep(2)
        assert queue.oldest_age_seconds == pytest.approx(2.0), "since it became urgent"

    run(scenario())


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["add", "resync", "later", "retry", "done"]), st.sampled_from([A, B, C])),
    max_size=30,
)


@examples(20)
@given(ACTIONS, st.integers(1, 3))
def test_nothing_is_lost_and_nothing_runs_twice_at_once(
    actions: list[tuple[str, ObjectKey]], workers: int
) -> None:
    """After any history every key asked for is run once more, and no two workers ever hold one key."""

    async def scenario() -> None:
        queue = WorkQueue()
        held: set[ObjectKey] = set()
        unseen: set[ObjectKey] = set()

        async def work() -> None:
            while True:
                key = await queue.take()
                assert key not in held, "two runs of one key"
                held.add(key)
                unseen.discard(key)
                await asyncio.sleep(0.5)
                held.discard(key)
                queue.done(key)

        running = [asyncio.create_task(work()) for _ in range(workers)]
        for what, key in actions:
            if what != "done":
                unseen.add(key)
            match what:
                case "add":
                    queue.add(key)
                case "resync":
                    queue.add(key, resync=True)
                case "later":
                    queue.add_after(key, 5.0)
                case "retry":
                    queue.retry(key)
                case _:
                    await asyncio.sleep(0.3)
        await asyncio.sleep(10 * BACKOFF_LAST_SECONDS)
        assert not unseen
        assert queue.depth == 0
        for task in running:
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results), results

    run(scenario())


def test_lateness_is_told_of_keys_that_a_timer_asked_for_and_of_no_other() -> None:
    async def scenario() -> None:
        told: list[float] = []
        queue = WorkQueue(told.append)
        queue.add(A)
        assert await take_all(queue) == [A]
        assert told == []
        queue.add_after(B, 0.01)
        assert await asyncio.wait_for(queue.take(), 5) == B
        assert len(told) == 1
        assert 0 <= told[0] < 5
        queue.add_after(B, 0.0)
        queue.add(A)
        await asyncio.sleep(0.05)  # the time for which the timer of a running key waits
        queue.done(B)
        assert {await queue.take(), await queue.take()} == {A, B}
        assert len(told) == 2
        assert told[1] >= 0.04, "it could not be run sooner, and that counts"

    asyncio.run(scenario())
