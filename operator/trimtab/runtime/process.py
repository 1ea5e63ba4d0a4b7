"""The operator process: probes first, then the election, then (as leader) watches, sweep and workers."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import kopf

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.cluster.pace import Pace
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model.errors import Transient
from trimtab.model.kinds import DEPLOYMENT, DRIFT_MONITOR, EXPERIMENT, HTTP_ROUTE, MODEL_VERSION
from trimtab.runtime import handlers
from trimtab.runtime.child_watch import ChildWatch
from trimtab.runtime.drift_metrics import show_monitors
from trimtab.runtime.election import Election
from trimtab.runtime.executor import Executor
from trimtab.runtime.loop import Loop, beat_forever
from trimtab.runtime.metrics import Metrics
from trimtab.runtime.metrics_watch import MetricsWatch
from trimtab.runtime.observe_routing import RoutingObserver
from trimtab.runtime.probes import Health, ProbeServer
from trimtab.runtime.query_watch import QueryWatch
from trimtab.runtime.queue import WorkQueue
from trimtab.runtime.reconcilers import reconcilers
from trimtab.runtime.recorder import Recorder
from trimtab.runtime.routes import Watched, discover
from trimtab.runtime.settings import OperatorConfiguration
from trimtab.runtime.sweep import Sweep
from trimtab.runtime.territory import Territory
from trimtab.sources.prometheus import Prometheus
from trimtab.sources.registry import RegistrySource
from trimtab.sources.scrape import Scraper

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_SECONDS = 30.0
FINISH_SECONDS = 5.0
FIRST_PASSES_SECONDS = 10.0
DISCOVERY_RETRY_SECONDS = 2.0


class Operator:
    def __init__(self, configuration: OperatorConfiguration) -> None:
        self._configuration = configuration
        self._metrics = Metrics()
        self._health = Health()
        self._cache = Cache()
        self._guard = StalenessGuard(self._cache)
        self._queue = WorkQueue(self._metrics.timer_lateness_seconds.observe)

    async def run(self) -> None:
        """Runs until SIGTERM, loss of the Lease (raises) or a failure of any part (raises)."""
        probes = ProbeServer(self._health, self._metrics, self._refresh_metrics)
        await probes.start(self._configuration.probe_host, self._configuration.probe_port)
        client = await self._connected()
        election_client = await Client.connect(timeout_seconds=3.0)
        beat = asyncio.create_task(beat_forever(self._beat))
        try:
            await self._elect(election_client, client)
        finally:
            beat.cancel()
            await client.close()
            await election_client.close()
            await probes.stop()

    async def _connected(self) -> Client:
        """With a pace of its own."""
        return await Client.connect(
            timeout_seconds=REQUEST_TIMEOUT_SECONDS,
            observe=self._metrics.observe_request,
            pace=Pace(self._configuration.writes_per_second),
        )

    async def _elect(self, election_client: Client, client: Client) -> None:
        configuration = self._configuration
        election = Election(
            election_client.api,
            name=configuration.lease_name,
            namespace=configuration.lease_namespace,
            identity=configuration.identity or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
            health=self._health,
        )
        running = asyncio.create_task(election.run(lambda: self._lead(client)))
        stop = _on_sigterm()
        await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            return
        running.result()

    async def _lead(self, client: Client) -> None:
        """Everything that only the leader does; returns after a clean stop by signal."""
        self._metrics.leader.set(1)
        watched = await self._discovered(client)
        event_client = await self._connected()
        recorder = Recorder(event_client)
        self._metrics.events_waiting.set_function(lambda: recorder.waiting)
        executor = Executor(client, self._cache, self._guard, recorder.record)
        events = handlers.Events(self._cache, self._guard, self._queue, watched)
        source = RegistrySource(self._configuration.registry_access())
        scraper = Scraper()
        watch = MetricsWatch(scraper, self._configuration.scrape_seconds, self._queue.add)
        prometheus = Prometheus(self._configuration.prometheus())
        queries = QueryWatch(prometheus, self._queue.add)
        territory = self._territory(client, events)
        loop = Loop(
            client=client,
            cache=self._cache,
            guard=self._guard,
            queue=self._queue,
            executor=executor,
            metrics=self._metrics,
            reconcilers=reconcilers(
                client,
                self._cache,
                registry=source,
                watch=watch,
                queries=queries,
                settings=self._configuration.settings(),
                routing=self._routing(client, watched),
            ),
            beat=self._beat,
            is_ours=territory.is_ours,
        )
        sweep = Sweep(
            client=client,
            cache=self._cache,
            guard=self._guard,
            scopes=self._configuration.scopes,
            interval_seconds=self._configuration.sweep_seconds,
            health=self._health,
            metrics=self._metrics,
            changed=events.changed,
            watched=watched,
        )
        watch_client = await Client.connect(
            timeout_seconds=REQUEST_TIMEOUT_SECONDS, observe=self._metrics.observe_request, connections=0
        )
        synced = asyncio.Event()
        stop = asyncio.Event()
        watching = asyncio.create_task(self._after_first_passes(partial(self._watch, events, stop), synced))
        parts = [
            watching,
            asyncio.create_task(sweep.run(synced)),
            asyncio.create_task(territory.run()),
            *self._child_watches(watch_client, sweep, events, synced),
            asyncio.create_task(watch.run()),
            asyncio.create_task(queries.run()),
            asyncio.create_task(self._after_first_passes(recorder.run, synced)),
            *(
                asyncio.create_task(self._worker(loop, synced, territory.known))
                for _ in range(self._configuration.workers)
            ),
        ]
        await _first_to_end(parts, stop, finish_seconds=FINISH_SECONDS)
        source.close()
        await watch_client.close()
        await event_client.close()
        await scraper.close()
        await prometheus.close()

    def _child_watches(
        self, client: Client, sweep: Sweep, events: handlers.Events, synced: asyncio.Event
    ) -> Iterator[asyncio.Task[None]]:
        """One task each, begun with the others: kopf cancels what is begun while it runs."""
        for watched in events.watched:
            for scope in self._configuration.scopes if watched.is_child else ():
                watch = ChildWatch(
                    client,
                    watched,
                    scope,
                    list_again=partial(sweep.sweep_kind, watched, scope),
                    observed=events.observed,
                )
                yield asyncio.create_task(self._watch_child(watch, sweep, (watched.kind.id, scope), synced))

    async def _watch_child(
        self, watch: ChildWatch, sweep: Sweep, place: tuple[str, str | None], synced: asyncio.Event
    ) -> None:
        """It begins where the first sweep has looked."""
        await synced.wait()
        await watch.run(sweep.versions[place])

    async def _discovered(self, client: Client) -> Sequence[Watched]:
        """What the cluster has of what we watch. An API server that does not answer is asked again."""
        while True:
            try:
                return await discover(client)
            except Transient as error:
                logger.warning("kinds not discovered: %s", error)
                await asyncio.sleep(DISCOVERY_RETRY_SECONDS)

    def _routing(self, client: Client, watched: Sequence[Watched]) -> RoutingObserver:
        served = any(one.kind is HTTP_ROUTE for one in watched)
        return RoutingObserver(client, self._cache, served=served, scopes=self._configuration.scopes)

    def _territory(self, client: Client, events: handlers.Events) -> Territory:
        configuration = self._configuration
        own = (configuration.lease_namespace, configuration.lease_name)
        leases = client if configuration.cluster_wide else None
        return Territory(leases, own_lease=own, freed=events.freed)

    async def _after_first_passes(self, part: Callable[[], Awaitable[None]], synced: asyncio.Event) -> None:
        """What the first passes over all objects need not wait for. kopf lists once more what people write,
        at a millisecond for each: what changes meanwhile is in its list. Events tell what is over."""
        await synced.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.idle(), FIRST_PASSES_SECONDS)
        await part()

    async def _watch(self, events: handlers.Events, stop: asyncio.Event) -> None:
        await kopf.operator(
            registry=handlers.registry(events),
            settings=handlers.settings(events.watched),
            standalone=True,
            clusterwide=self._configuration.cluster_wide,
            namespaces=list(self._configuration.namespaces),
            stop_flag=stop,
        )

    async def _worker(self, loop: Loop, *conditions: asyncio.Event) -> None:
        for condition in conditions:
            await condition.wait()
        await loop.work()

    def _beat(self) -> None:
        self._health.heartbeat_at = time.monotonic()

    def _refresh_metrics(self) -> None:
        self._metrics.queue_depth.set(self._queue.depth)
        self._metrics.queue_oldest_seconds.set(self._queue.oldest_age_seconds)
        self._metrics.phase_objects.clear()
        show_monitors(self._metrics, self._cache.of(DRIFT_MONITOR))
        for kind in (EXPERIMENT, MODEL_VERSION, DEPLOYMENT, DRIFT_MONITOR):
            phases = Counter(obj.get("status", {}).get("phase", "") for obj in self._cache.of(kind))
            for phase, count in phases.items():
                self._metrics.phase_objects.labels(kind.id, phase or "None").set(count)


def _on_sigterm() -> asyncio.Future[None]:
    """Resolves on SIGTERM or SIGINT while we are a standby; as leader, kopf takes the signal over and
    returns."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        if not stopped.done():
            stopped.set_result(None)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopped


async def _first_to_end(
    parts: list[asyncio.Task[None]], stop: asyncio.Event, *, finish_seconds: float
) -> None:
    """Wait for the first part to end, stop the others (workers may finish their write), raise its error."""
    done, pending = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending, timeout=finish_seconds)
    for task in done:
        task.result()


def run(configuration: OperatorConfiguration) -> int:
    """Exit code of the process: 0 after a signal, 1 otherwise."""
    try:
        asyncio.run(Operator(configuration).run())
    except Exception:
        logger.exception("the operator ends")
        return 1
    return 0
