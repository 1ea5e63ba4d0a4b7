"""kopf as event source: handlers that take the object into the cache, put keys into the queue, and return.

kopf neither retries these handlers nor needs to: the queue and the sweep do. Nothing here writes, so kopf
adds no finalizers, annotations or Events of its own.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

import kopf

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import key_of
from trimtab.cluster.staleness import StalenessGuard
from trimtab.model.kinds import Kind, ObjectKey
from trimtab.runtime.queue import WorkQueue
from trimtab.runtime.routes import WATCHED, Watched

Object = dict[str, Any]


class Events:
    """Turns watch events and swept objects into queue keys."""

    def __init__(
        self,
        cache: Cache,
        guard: StalenessGuard,
        queue: WorkQueue,
        watched: Sequence[Watched] = WATCHED,
    ) -> None:
        self.watched = watched
        self._cache = cache
        self._guard = guard
        self._queue = queue
        self._by_kind = {watched.kind.id: watched for watched in watched}
        self._told: dict[ObjectKey, str] = {}

    def observed(self, kind: Kind, event_type: str | None, obj: Object) -> None:
        """A watch event. ``None`` is kopf's type for objects of the first listing."""
        key = key_of(kind, obj)
        if event_type == "DELETED":
            self._cache.remove(kind, obj)
            self._guard.deleted(key, obj["metadata"]["uid"])
        elif not self._cache.put(kind, obj) and not self._cache.holds(kind, obj):
            return  # an older copy
        elif self._told.get(key) == obj["metadata"]["resourceVersion"]:
            return  # the first listing of a watch repeats what the sweep has seen
        # Our own write coming back counts: what one key's pass has written may concern another key.
        self.changed(kind, obj, resync=False)

    def freed(self, namespace: str) -> None:
        """A namespace that was another operator's is ours now: everything in it is looked at again."""
        for watched in self.watched:
            for obj in self._cache.of_namespace(watched.kind, namespace):
                self.changed(watched.kind, obj, resync=True)

    def changed(self, kind: Kind, obj: Object, resync: bool) -> None:
        """Put the keys that the object concerns into the queue."""
        if self._cache.holds(kind, obj):
            self._told[key_of(kind, obj)] = obj["metadata"]["resourceVersion"]
        else:
            self._told.pop(key_of(kind, obj), None)
        for key in self._by_kind[kind.id].concerned(obj, self._cache):
            self._queue.add(key, resync=resync)


def registry(events: Events) -> kopf.OperatorRegistry:
    """A kopf registry with the login and one event handler per kind that people write."""
    result = kopf.OperatorRegistry()
    kopf.on.login(registry=result)(_login)
    for watched in events.watched:
        if not watched.is_child:
            _register(result, watched, events)
    return result


def _register(registry: kopf.OperatorRegistry, watched: Watched, events: Events) -> None:
    kind = watched.kind

    async def handle(event: Any, **_: Any) -> None:
        events.observed(kind, event["type"], dict(event["object"]))

    kopf.on.event(
        group=kind.group,
        version=kind.version,
        plural=kind.plural,
        id=f"watch-{kind.plural}",
        registry=registry,
    )(handle)


def _login(**kwargs: Any) -> Any:
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


class _Backoffs:
    """1 s .. 30 s with jitter, for ever: an API outage must not end the process (the Lease does that)."""

    def __iter__(self) -> Iterator[float]:
        for attempt in itertools.count():
            yield min(30.0, 2.0 ** min(attempt, 5)) * random.uniform(0.8, 1.2)


def settings(watched_kinds: Sequence[Watched] = WATCHED) -> kopf.OperatorSettings:
    result = kopf.OperatorSettings()
    result.scanning.disabled = True
    result.peering.standalone = True
    result.posting.enabled = False
    result.networking.request_timeout = 30
    result.networking.connect_timeout = 5
    result.networking.error_backoffs = _Backoffs()
    result.watching.inactivity_timeout = 70
    result.watching.server_timeout = 300
    result.watching.chunk_size = 100
    result.persistence.finalizer = "trimtab.dev/kopf-unused"
    return result
