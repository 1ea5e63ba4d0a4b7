"""The staleness guard: no decision on a copy that is older than our own last write.

For each reconcile key it remembers what that key's passes wrote. While the cache has not caught up, the key
waits; an object whose write got no answer is unknown and must be read live first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from trimtab.cluster.cache import Cache, is_newer
from trimtab.model.kinds import Kind, ObjectKey


class StalenessGuard:
    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._written: defaultdict[ObjectKey, dict[ObjectKey, tuple[str, str]]] = defaultdict(dict)
        self._unknown: defaultdict[ObjectKey, dict[ObjectKey, Kind]] = defaultdict(dict)

    def wrote(self, by: ObjectKey, kind: Kind, answer: Mapping[str, Any]) -> None:
        """Remember the version that a write of the key ``by`` returned."""
        meta = answer["metadata"]
        target = ObjectKey(kind.id, meta["namespace"], meta["name"])
        self._written[by][target] = (meta["uid"], meta["resourceVersion"])

    def lost(self, by: ObjectKey, kind: Kind, namespace: str, name: str) -> None:
        """A write without an answer: it may have happened."""
        self._unknown[by][ObjectKey(kind.id, namespace, name)] = kind

    def unknown(self, by: ObjectKey) -> list[tuple[ObjectKey, Kind]]:
        return list(self._unknown.get(by, {}).items())

    def resolved(self, by: ObjectKey, target: ObjectKey) -> None:
        """A live read has shown the object's state."""
        self._discard(self._unknown, by, target)
        self._discard(self._written, by, target)

    def behind(self, by: ObjectKey) -> list[ObjectKey]:
        """Objects whose cached copy is still older than our write; empty = the key may be decided."""
        for target, (uid, version) in list(self._written.get(by, {}).items()):
            if self._caught_up(target, uid, version):
                self._discard(self._written, by, target)
        return list(self._written.get(by, {}))

    def deleted(self, target: ObjectKey, uid: str) -> None:
        """A DELETED event of that uid: nothing newer of it will ever come."""
        for by in [by for by, writes in self._written.items() if writes.get(target, ("", ""))[0] == uid]:
            self._discard(self._written, by, target)

    def swept(self, kind: Kind) -> None:
        """A LIST of the kind is in the cache: it showed everything written before it."""
        for by in list(self._written):
            for target in [t for t in self._written[by] if t.kind == kind.id and not self._cache.at(t)]:
                self._discard(self._written, by, target)

    def _caught_up(self, target: ObjectKey, uid: str, version: str) -> bool:
        obj = self._cache.at(target)
        if obj is None:
            return False
        seen = obj["metadata"]["resourceVersion"]
        return obj["metadata"]["uid"] != uid or seen == version or is_newer(seen, version)

    @staticmethod
    def _discard(table: defaultdict[ObjectKey, Any], by: ObjectKey, target: ObjectKey) -> None:
        entries = table.get(by)
        if entries is None:
            return
        entries.pop(target, None)
        if not entries:
            del table[by]
