"""The reconcile loop: take a key, make sure its state is fresh, observe, decide, carry out, say when to
come back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client, NoAnswer, Refused
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model.conditions import Condition, progressing, stalled, with_state
from trimtab.model.errors import Conflict, Gone, Terminal, Transient, TrimtabError, Wait
from trimtab.model.kinds import Kind, ObjectKey
from trimtab.model.plan import Plan
from trimtab.runtime.executor import Executor
from trimtab.runtime.metrics import Metrics
from trimtab.runtime.queue import WorkQueue

logger = logging.getLogger(__name__)

Object = dict[str, Any]
STALE_RECHECK_SECONDS = 1.0


class Reconciler(Protocol):
    """One kind's way through observe and decide."""

    kind: Kind

    async def plan(self, obj: Object, now: datetime) -> Plan:
        """Read what the object's state calls for and decide. Raises the errors of `trimtab.model.errors`."""


class Loop:
    def __init__(
        self,
        *,
        client: Client,
        cache: Cache,
        guard: StalenessGuard,
        queue: WorkQueue,
        executor: Executor,
        metrics: Metrics,
        reconcilers: Mapping[str, Reconciler],
        beat: Callable[[], None],
        is_ours: Callable[[str], bool] = lambda namespace: True,
    ) -> None:
        self._client = client
        self._cache = cache
        self._guard = guard
        self._queue = queue
        self._executor = executor
        self._metrics = metrics
        self._reconcilers = reconcilers
        self._beat = beat
        self._is_ours = is_ours

    async def work(self) -> None:
        """One worker: runs until cancelled."""
        while True:
            key = await self._queue.take()
            try:
                await self.reconcile(key)
            finally:
                self._queue.done(key)
                self._beat()

    async def reconcile(self, key: ObjectKey) -> None:
        """One pass over one key. Never raises; what went wrong decides when the key comes back."""
        started = time.perf_counter()
        outcome = "error"
        try:
            outcome = await self._pass(key)
        except Wait as wait:
            outcome = "wait"
            self._queue.add_after(key, _seconds_until(wait.until, STALE_RECHECK_SECONDS))
        except (Conflict, Gone) as conflict:
            outcome = "conflict"
            self._metrics.conflicts.inc()
            logger.debug("%s: %s", key, conflict)
            self._queue.retry(key)
        except NoAnswer as error:
            outcome = "unavailable"
            logger.warning("%s: %s", key, error)
            self._queue.retry(key)
        except (Transient, Terminal, Refused) as error:
            outcome = type(error).__name__.lower()
            await self._report(key, error)
        except Exception as error:
            # A bug must cost only its own key: it backs off and says so, the process lives.
            logger.exception("%s: internal error", key, extra={"object": str(key)})
            await self._report(
                key, Transient("InternalError", f"{type(error).__name__}; see the operator's log")
            )
        self._metrics.reconcile_seconds.labels(key.kind, outcome).observe(time.perf_counter() - started)

    async def _pass(self, key: ObjectKey) -> str:
        if not self._is_ours(key.namespace):
            self._queue.forgive(key)
            return "foreign"
        await self._resolve_unknown(key)
        behind = self._guard.behind(key)
        if behind:
            raise Wait(f"the cache is behind our write of {behind[0]}")
        obj = self._cache.at(key)
        if obj is None or obj["metadata"].get("deletionTimestamp"):
            self._queue.forgive(key)
            return "absent"
        now = _now()
        plan = await self._reconcilers[key.kind].plan(obj, now)
        if await self._executor.carry_out(self._reconcilers[key.kind].kind, obj, plan, now):
            self._queue.add(key)  # effects are observed in the next pass, never predicted
        self._queue.forgive(key)
        if plan.wake_at is not None:
            self._queue.add_after(key, _seconds_until(plan.wake_at, 0.0))
        return "idle" if plan.is_empty else "written"

    async def _resolve_unknown(self, key: ObjectKey) -> None:
        """Read live what a write without an answer, or a conflict, has left in doubt."""
        for target, kind in self._guard.unknown(key):
            live = await self._client.find(kind, target.namespace, target.name)
            if live is None:
                self._cache.drop(target)
            else:
                self._cache.put(kind, live)
            self._guard.resolved(key, target)

    async def _report(self, key: ObjectKey, error: Transient | Terminal | Refused) -> None:
        """Show the error on the object itself; Terminal waits for an input to change, the rest backs off."""
        reason = "ApiRefused" if isinstance(error, Refused) else error.reason
        logger.warning("%s: %s", key, error, extra={"object": str(key), "reason": reason})
        conditions = stalled if isinstance(error, Terminal) else progressing
        shown = await self._show(key, conditions(reason, error.message))
        if shown and isinstance(error, Terminal):
            self._queue.forgive(key)
        else:
            self._queue.retry(key)

    async def _show(self, key: ObjectKey, state: tuple[Condition, ...]) -> bool:
        """Write the conditions; False if that failed too. Never raises: the process must outlive any
        object."""
        obj = self._cache.at(key)
        if obj is None:
            return True
        now = _now()
        stored, generation = obj.get("status", {}), obj["metadata"]["generation"]
        status = with_state(stored, state, generation=generation, now=now)
        plan = Plan(status=status if status != stored else None)
        try:
            await self._executor.carry_out(self._reconcilers[key.kind].kind, obj, plan, now)
        except TrimtabError as second:
            logger.warning("%s: the error could not be shown in status: %s", key, second)
            return False
        return True


def _now() -> datetime:
    return datetime.now(UTC)


def _seconds_until(moment: datetime | None, default: float) -> float:
    return default if moment is None else max(0.0, (moment - _now()).total_seconds())


async def beat_forever(beat: Callable[[], None], interval_seconds: float = 5.0) -> None:
    """Shows that the event loop turns also while there is nothing to reconcile."""
    while True:
        beat()
        await asyncio.sleep(interval_seconds)
