"""Leader election by Lease: kubernetes' own, with what it lacks.

The library ends its election on a network error, watches the wall clock and does not see a leader that
hangs. So: the lock treats a failed request as "not renewed", and a watchdog on the monotonic clock ends the
process when the last renewal is older than the renew deadline, whatever the rest of the process is doing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient, V1Lease, V1ObjectMeta
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection import electionconfig, leaderelection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

from trimtab.runtime.probes import Health

logger = logging.getLogger(__name__)

LEASE_SECONDS = 15
RENEW_DEADLINE_SECONDS = 10
RETRY_SECONDS = 2
REQUEST_TIMEOUT_SECONDS = 3.0
EXIT_LOST_LEADERSHIP = 3
_NETWORK_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)


class _Lock(LeaseLock):
    """A LeaseLock whose network failures are failures to renew, not the end of the election."""

    def __init__(self, name: str, namespace: str, identity: str, api: ApiClient, health: Health) -> None:
        super().__init__(name, namespace, identity, api)
        self.renewed_at: float | None = None
        self._health = health

    async def get(self, name: str, namespace: str) -> Any:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                found, record = await super().get(name, namespace)
        except _NETWORK_ERRORS as error:
            return False, ApiException(status=0, reason=type(error).__name__)
        if found or getattr(record, "status", None) == 404:
            self._health.lease_read_at = time.monotonic()
        return found, record

    async def create(self, name: str, namespace: str, election_record: Any) -> bool:
        return await self._renewing(self._create(name, namespace, election_record))

    async def _create(self, name: str, namespace: str, election_record: Any) -> bool:
        # The library's own create passes pretty=True where its generated API (37.0) takes a string only.
        lease = V1Lease(metadata=V1ObjectMeta(name=name), spec=self.update_lease(election_record))
        try:
            await self.api_instance.create_namespaced_lease(namespace, lease)
        except ApiException as error:
            logger.warning("lease not created: %s %s", error.status, error.reason)
            return False
        return True

    async def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        return await self._renewing(super().update(name, namespace, updated_record))

    async def _renewing(self, request: Awaitable[bool]) -> bool:
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                renewed = await request
        except _NETWORK_ERRORS as error:
            logger.warning("lease not renewed: %s", type(error).__name__)
            return False
        if renewed:
            self.renewed_at = sent_at
        return renewed

    async def release(self) -> None:
        """Give the Lease up, so that a successor need not wait for it to expire."""
        found, _ = await self.get(self.name, self.namespace)
        lease = self.lease_reference
        if not found or lease is None or lease.spec is None:
            return
        if lease.spec.holder_identity != self.identity:
            return
        lease.spec.holder_identity = None
        lease.spec.lease_duration_seconds = 1
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_SECONDS):
                await self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
        except (ApiException, *_NETWORK_ERRORS) as error:
            logger.warning("lease not released: %s", type(error).__name__)


async def _nothing() -> None:
    """The end of leading is seen by `Election.run`, not by a callback."""


class Election:
    """Runs ``lead`` while this process holds the Lease; returns when either ends."""

    def __init__(self, api: ApiClient, *, name: str, namespace: str, identity: str, health: Health) -> None:
        self._health = health
        self._lock = _Lock(name, namespace, identity, api, health)

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Raises what ``lead`` raises; RuntimeError when the Lease was lost."""
        finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def leading() -> None:
            self._health.leading = True
            logger.info("leading")
            try:
                await lead()
            except BaseException as error:
                if not finished.done():
                    finished.set_exception(error)
                raise
            if not finished.done():
                finished.set_result(None)

        config = electionconfig.Config(
            self._lock,
            lease_duration=LEASE_SECONDS,
            renew_deadline=RENEW_DEADLINE_SECONDS,
            retry_period=RETRY_SECONDS,
            onstarted_leading=leading,
            onstopped_leading=_nothing,
        )
        election = asyncio.create_task(leaderelection.LeaderElection(config).run())
        watchdog = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({election, finished}, return_when=asyncio.FIRST_COMPLETED)
            if not finished.done():
                election.result()
                raise RuntimeError("the Lease was lost")
            finished.result()
        finally:
            watchdog.cancel()
            election.cancel()
            if self._health.leading:
                await self._lock.release()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            renewed_at = self._lock.renewed_at
            if self._health.leading and renewed_at is not None:
                age = time.monotonic() - renewed_at
                if age > RENEW_DEADLINE_SECONDS:
                    logger.critical("lease not renewed for %.1f s: exiting", age)
                    logging.shutdown()
                    os._exit(EXIT_LOST_LEADERSHIP)
