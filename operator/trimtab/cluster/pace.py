"""A token bucket for writes: what the API server is spared when a thousand objects change at once."""

from __future__ import annotations

import asyncio
import time

BURST_SECONDS = 2.0


class Pace:
    """At most ``per_second`` takes in the long run, and two seconds' worth of them at once."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._tokens = per_second * BURST_SECONDS
        self._at = time.monotonic()

    async def take(self) -> None:
        """Returns when one more write may be sent. Takers that wait are served in their order."""
        self._refill()
        self._tokens -= 1.0
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._per_second)

    def _refill(self) -> None:
        now = time.monotonic()
        most = self._per_second * BURST_SECONDS
        self._tokens = min(most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
