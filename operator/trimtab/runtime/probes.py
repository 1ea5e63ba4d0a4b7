"""Health endpoints and /metrics, served before the election so that a standby can be ready too."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import generate_latest

from trimtab.runtime.metrics import Metrics

STANDBY_LEASE_AGE_LIMIT_SECONDS = 10.0
HEARTBEAT_LIMIT_SECONDS = 30.0
SWEEP_AGE_LIMIT_SECONDS = 1200.0


@dataclass
class Health:
    """What the parts report about themselves; times are monotonic seconds."""

    leading: bool = False
    synced: bool = False
    lease_read_at: float | None = None
    heartbeat_at: float = field(default_factory=time.monotonic)
    swept_at: float | None = None

    def is_ready(self, now: float) -> bool:
        """(leader and synced) or (standby that has read the Lease lately)."""
        if self.leading:
            return self.synced
        return self.lease_read_at is not None and now - self.lease_read_at < STANDBY_LEASE_AGE_LIMIT_SECONDS

    def is_alive(self, now: float) -> bool:
        """The event loop turns, and a leader's sweeps do not stop."""
        if now - self.heartbeat_at > HEARTBEAT_LIMIT_SECONDS:
            return False
        return self.swept_at is None or now - self.swept_at < SWEEP_AGE_LIMIT_SECONDS


class ProbeServer:
    def __init__(self, health: Health, metrics: Metrics, refresh: Callable[[], None]) -> None:
        self._health = health
        self._metrics = metrics
        self._refresh = refresh
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics_page),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        return _verdict(self._health.is_alive(time.monotonic()))

    async def _ready(self, _: web.Request) -> web.Response:
        return _verdict(self._health.is_ready(time.monotonic()))

    async def _metrics_page(self, _: web.Request) -> web.Response:
        self._refresh()
        return web.Response(body=generate_latest(self._metrics.registry), content_type="text/plain")


def _verdict(good: bool) -> web.Response:
    return web.Response(text="ok\n" if good else "not ok\n", status=200 if good else 503)
