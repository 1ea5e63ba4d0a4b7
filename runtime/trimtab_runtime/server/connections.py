"""Client connections: the unit in which errors are judged, and what a drain waits for.

Behind a Service a connection goes to one pod and stays there, so requests of one connection are not
independent draws of a side, but connections are.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from trimtab_runtime.contract.serving import LIVE

from .counters import Counters

CONNECTION, BEGAN = "trimtab.connection", "trimtab.began"  # keys of the ASGI state of a request


class Connection:
    """One open or closed connection. It counts from its first inference request."""

    __slots__ = ("_counters", "is_closed", "is_counted", "is_failed", "is_service", "unanswered")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self.is_counted = self.is_failed = self.is_closed = False
        self.is_service = False  # its last request was a probe, a scrape or a drain
        self.unanswered = 0

    def begin(self) -> None:
        """An inference request arrived."""
        self.is_service = False
        self.unanswered += 1
        self._counters.in_flight[LIVE] += 1
        if not self.is_counted:
            self.is_counted = True
            self._counters.connection(LIVE)

    def end(self, status: int, seconds: float) -> None:
        """Its answer was handed to the connection; on a closed one it has none."""
        self.unanswered -= 1
        self._counters.in_flight[LIVE] -= 1
        if self.is_closed:
            return
        self._counters.answered(LIVE, status, seconds)
        if status >= 500:
            self._fail()

    def close(self) -> None:
        """The connection is gone; requests that wait for an answer make it an error connection."""
        self.is_closed = True
        if self.unanswered:
            self._fail()

    def _fail(self) -> None:
        if not self.is_failed:
            self.is_failed = True
            self._counters.error_connection(LIVE)


class Connections:
    """All open connections of the process."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._open: set[Connection] = set()
        self.last_closed_seconds = 0.0  # when the last client connection went, monotonic

    @property
    def clients(self) -> int:
        """Open connections that are, or may yet be, a client's."""
        return sum(not connection.is_service for connection in self._open)

    def made(self) -> Connection:
        """A new connection."""
        connection = Connection(self._counters)
        self._open.add(connection)
        return connection

    def lost(self, connection: Connection) -> None:
        """A connection was closed, by either side."""
        connection.close()
        self._open.discard(connection)
        if not connection.is_service:
            self.last_closed_seconds = time.monotonic()

    def protocol(self, config: Config, server_state: ServerState, **rest: Any) -> asyncio.Protocol:
        """What uvicorn calls for each connection (`Config.http`)."""
        return _CountedProtocol(self, config, server_state, **rest)


class _CountedProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, telling when a connection comes and goes and when a request begins.

    ASGI has no such events: an application sees requests only. It finds its connection in the `state` of the
    request, which the server fills (ASGI lifespan state).
    """

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        **rest: Any,
    ) -> None:
        self._connections = connections
        self._connection = connections.made()
        super().__init__(config, server_state, app_state | {CONNECTION: self._connection}, **rest)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][BEGAN] = time.perf_counter()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.lost(self._connection)
        super().connection_lost(exc)
