"""The open windows of the monitors between passes: read from their checkpoint once, then kept and filled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trimtab.cluster.cache import Cache
from trimtab.cluster.client import Client
from trimtab.driftmonitor import checkpoint
from trimtab.driftmonitor.windows import ClosedWindow, Collection, OpenWindow, Round, advance
from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP, DRIFT_MONITOR


@dataclass
class _Page:
    collection: Collection
    closed: ClosedWindow | None = None
    round_number: int = 0


class WindowBook:
    def __init__(self, client: Client, cache: Cache) -> None:
        self._client = client
        self._cache = cache
        self._open: dict[str, _Page] = {}

    async def open(self, uid: str, namespace: str, name: str, fresh: OpenWindow) -> OpenWindow:
        """The open window of a monitor. ``fresh`` is the empty window of now, for the version that is served.

        A window of another version, or of another length, is given up for it: the last pages of the pods are
        kept. A process that starts goes on with what was stored of the window. Raises UnreadableCheckpoint.
        """
        page = self._open.get(uid)
        if page is None:
            self._drop_deleted()
            stored = await self._stored(namespace, name)
            page = self._open[uid] = _Page(Collection(checkpoint.restored(stored, fresh)))
        elif not _goes_on(page.collection.window, fresh):
            page.collection = replace(page.collection, window=replace(fresh, partial=True))
        return page.collection.window

    def fill(self, uid: str, number: int, round_: Round) -> OpenWindow:
        """Add a round, once; the window that is open then."""
        page = self._open[uid]
        if number != page.round_number:
            page.collection, closed = advance(page.collection, round_)
            page.closed, page.round_number = closed or page.closed, number
        return page.collection.window

    def closed(self, uid: str) -> ClosedWindow | None:
        """The last window that was closed. It is offered until the next one is: status says if it is new."""
        page = self._open.get(uid)
        return page.closed if page else None

    async def _stored(self, namespace: str, name: str) -> OpenWindow | None:
        config_map = await self._client.find(CONFIG_MAP, namespace, names.window_config_map(name))
        if config_map is None:
            return None
        self._cache.put(CONFIG_MAP, config_map)
        return checkpoint.load(config_map)

    def _drop_deleted(self) -> None:
        alive = {obj["metadata"]["uid"] for obj in self._cache.of(DRIFT_MONITOR)}
        self._open = {uid: page for uid, page in self._open.items() if uid in alive}


def _goes_on(window: OpenWindow, fresh: OpenWindow) -> bool:
    return (window.digest, window.seconds) == (fresh.digest, fresh.seconds)
