"""The end of a pod's life: connections are asked to go elsewhere, and the last counts are fetched.

    preStop ──► /drain: every answer says Connection: close ──► no client for 2 s, scraped since ──► returns
                                                           └──► or D seconds are over ─────────────► returns
    then SIGTERM: no new connections, what is in flight is answered, exit

Endpoints vanish while this runs: a client that still finds the pod is answered as before.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from .connections import Connections

# Connections come in a stream while the endpoint is still known; one gap in it is not the end.
QUIET_SECONDS = 2.0
_LOOK_SECONDS = 0.05
LONGEST_SECONDS = 3600.0


class Drain:
    """Whether the server is draining, and the wait for its end."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._scraped_seconds = 0.0
        self._began_seconds = 0.0
        self.is_on = False

    def scraped(self) -> None:
        """A metrics page was answered."""
        self._scraped_seconds = time.monotonic()

    async def wait(self, seconds: float) -> dict[str, Any]:
        """Drain; returns when clients are gone and their counts were scraped, or after `seconds`."""
        if not self.is_on:
            self.is_on, self._began_seconds = True, time.monotonic()
        deadline = time.monotonic() + seconds
        while not self._is_over() and time.monotonic() < deadline:  # noqa: ASYNC110 - time is no event
            await asyncio.sleep(_LOOK_SECONDS)
        return {"drained": self._is_over(), "connections": self._connections.clients}

    def _is_over(self) -> bool:
        """No client for a while, and a scrape after the last one went."""
        since = max(self._connections.last_closed_seconds, self._began_seconds)
        is_quiet = not self._connections.clients and time.monotonic() - since >= QUIET_SECONDS
        return is_quiet and self._scraped_seconds >= since


def parse_seconds(query: bytes) -> float | None:
    """`seconds` of the query of /drain; None if it is not a number of seconds from 0 to an hour."""
    name, _, text = query.partition(b"=")
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if name == b"seconds" and 0 <= seconds <= LONGEST_SECONDS else None
