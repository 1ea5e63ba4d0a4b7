"""The sweep: a chunked LIST of every kind, after start and every few minutes, that heals what watches
lost."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client, Object, key_of
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model.errors import Transient
from trimtab.model.kinds import Kind
from trimtab.runtime.metrics import Metrics
from trimtab.runtime.probes import Health
from trimtab.runtime.routes import WATCHED, Watched

logger = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
JITTER = 0.1


class Sweep:
    def __init__(
        self,
        *,
        client: Client,
        cache: Cache,
        guard: StalenessGuard,
        scopes: Sequence[str | None],
        interval_seconds: float,
        health: Health,
        metrics: Metrics,
        changed: Callable[[Kind, Object, bool], None],
        watched: Sequence[Watched] = WATCHED,
    ) -> None:
        self._watched = watched
        self._client = client
        self._cache = cache
        self._guard = guard
        self._scopes = scopes
        self._interval_seconds = interval_seconds
        self._health = health
        self._metrics = metrics
        self._changed = changed
        self.versions: dict[tuple[str, str | None], str] = {}

    async def run(self, synced: asyncio.Event) -> None:
        """Sweep for ever; sets ``synced`` after the first full sweep, before which nothing may be
        reconciled."""
        while True:
            await self._until_done(self.once)
            self._health.swept_at = time.monotonic()
            self._health.synced = True
            synced.set()
            await asyncio.sleep(self._interval_seconds * (1 + random.uniform(-JITTER, JITTER)))

    async def once(self) -> None:
        for watched in self._watched:
            for namespace in self._scopes:
                await self.sweep_kind(watched, namespace)

    async def sweep_kind(self, watched: Watched, namespace: str | None) -> str:
        """One LIST; returns its resourceVersion, which is kept in ``versions`` too."""
        seen = set()
        version = "0"
        kind = watched.kind
        async for items, version in self._client.pages(kind, namespace, label_selector=watched.selector):  # noqa: B007
            for obj in items:
                seen.add(key_of(kind, obj))
                self._cache.put(kind, obj)
                self._changed(kind, obj, True)
        for ghost in self._cache.reconcile_list(kind, namespace, seen, version):
            self._metrics.ghosts.labels(kind.id).inc()
            self._changed(kind, ghost, True)
        self._guard.swept(kind)
        self.versions[kind.id, namespace] = version
        return version

    async def _until_done(self, attempt: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await attempt()
            except Transient as error:
                logger.warning("sweep interrupted: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
