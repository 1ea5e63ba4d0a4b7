"""Watches what Deployments and Experiments own: events from the version of the last LIST on.

kopf watches the kinds that people write. Their children are many: kopf would list all of them a second time,
and takes about a millisecond and 7 KiB for each of them at every start (ADR 21).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from trimtab.cluster.client import Client
from trimtab.model.errors import Gone, TrimtabError
from trimtab.model.kinds import Kind
from trimtab.runtime.routes import Watched

logger = logging.getLogger(__name__)

Object = dict[str, Any]
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 30.0


class ChildWatch:
    """One kind in one namespace (None = in all)."""

    def __init__(
        self,
        client: Client,
        watched: Watched,
        namespace: str | None,
        *,
        list_again: Callable[[], Awaitable[str]],
        observed: Callable[[Kind, str | None, Object], None],
    ) -> None:
        self._client = client
        self._watched = watched
        self._namespace = namespace
        self._list_again = list_again
        self._observed = observed
        self._version = ""

    async def run(self, version: str) -> None:
        """For ever, from a resourceVersion on. Outages are waited out; the sweep heals what they hid."""
        self._version = version
        failures = itertools.count()
        while True:
            try:
                if not self._version:
                    self._version = await self._list_again()
                async for type_, obj in self._stream():
                    failures = itertools.count()
                    self._take(type_, obj)
            except Gone:
                self._version = ""  # the server has no history from there on any more
                await asyncio.sleep(_backoff_seconds(next(failures)))
            except TrimtabError as error:
                logger.warning("watch of %s: %s", self._watched.kind, error)
                await asyncio.sleep(_backoff_seconds(next(failures)))

    def _stream(self) -> Any:
        return self._client.watch(
            self._watched.kind, self._namespace, self._version, label_selector=self._watched.selector
        )

    def _take(self, type_: str, obj: Object) -> None:
        self._version = obj["metadata"]["resourceVersion"]
        if type_ != "BOOKMARK":
            self._observed(self._watched.kind, type_, obj)


def _backoff_seconds(failures: int) -> float:
    seconds = FIRST_BACKOFF_SECONDS * 2 ** min(failures, 16)
    return float(min(LONGEST_BACKOFF_SECONDS, seconds) * random.uniform(0.8, 1.2))
