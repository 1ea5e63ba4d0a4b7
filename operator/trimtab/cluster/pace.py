"""A token bucket for writes: what the API server is spared when a thousand objects change at once.

What is urgent does not wait in it: traffic that must go back would stand behind a thousand others. It takes
its token all the same, so that others wait the longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

BURST_SECONDS = 2.0
_IS_URGENT: ContextVar[bool] = ContextVar("urgent", default=False)


@contextlib.contextmanager
def urgency(is_urgent: bool) -> Iterator[None]:
    """Within it the writes of this task do, or do not, wait for their turn."""
    token = _IS_URGENT.set(is_urgent)
    try:
        yield
    finally:
        _IS_URGENT.reset(token)


class Pace:
    """At most ``per_second`` takes in the long run, and two seconds' worth of them at once."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = per_second * BURST_SECONDS
        self._at = time.monotonic()

    async def take(self) -> None:
        """Returns when one more write may be sent. Takers that wait are served in their order; an urgent one
        does not wait."""
        self._refill()
        self._tokens -= 1.0
        if self._tokens < 0 and not _IS_URGENT.get():
            await asyncio.sleep(-self._tokens / self._per_second)

    def _refill(self) -> None:
        now = time.monotonic()
        most = self._per_second * BURST_SECONDS
        self._tokens = min(most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
