"""What the watches and sweeps have told us: one trimmed copy per object, with the lookups that we need.

Only the event loop touches it. It never concludes absence by itself: irreversible steps re-read live.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from trimtab.cluster.trim import trimmed
from trimtab.model.kinds import Kind, ObjectKey
from trimtab.model.names import LABEL_MODEL
from trimtab.model.plan import controller_uid

Object = dict[str, Any]


def is_newer(candidate: str, known: str) -> bool:
    """Order of resourceVersions; integers that compare are guaranteed by Kubernetes >= 1.35.

    On older servers they are opaque: a different one is then taken as newer, as every informer does.
    """
    if candidate.isdigit() and known.isdigit():
        return int(candidate) > int(known)
    return candidate != known


class Cache:
    def __init__(self) -> None:
        self._objects: dict[ObjectKey, Object] = {}
        self._tombstones: dict[ObjectKey, str] = {}
        self._by_owner: defaultdict[str, set[ObjectKey]] = defaultdict(set)
        # Every event asks for a kind of a namespace: looking through all would grow with the square.
        self._by_place: defaultdict[tuple[str, str], set[ObjectKey]] = defaultdict(set)
        self._by_model: defaultdict[tuple[str, str, str], set[ObjectKey]] = defaultdict(set)
        self._by_hostname: defaultdict[tuple[str, str], set[ObjectKey]] = defaultdict(set)
        self._by_target: defaultdict[tuple[str, str, str], set[ObjectKey]] = defaultdict(set)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._objects.get(ObjectKey(kind.id, namespace, name))

    def at(self, key: ObjectKey) -> Object | None:
        return self._objects.get(key)

    def of(self, kind: Kind) -> list[Object]:
        return [obj for key, obj in self._objects.items() if key.kind == kind.id]

    def of_namespace(self, kind: Kind, namespace: str) -> list[Object]:
        """Objects of a namespace, by name."""
        return self._sorted(self._by_place.get((kind.id, namespace), ()), kind)

    def owned_by(self, uid: str, kind: Kind) -> list[Object]:
        """Objects whose controller is ``uid``, by name."""
        return self._sorted(self._by_owner.get(uid, ()), kind)

    def of_model(self, kind: Kind, namespace: str, model: str) -> list[Object]:
        """Objects labelled with the model's name."""
        return self._sorted(self._by_model.get((kind.id, namespace, model), ()), kind)

    def of_hostname(self, kind: Kind, hostname: str) -> list[Object]:
        """Objects whose ``spec.traffic`` claims the hostname."""
        return self._sorted(self._by_hostname.get((kind.id, hostname), ()), kind)

    def of_target(self, kind: Kind, namespace: str, target: str) -> list[Object]:
        """Objects whose ``spec.scaleTargetRef`` has this name, by name."""
        return self._sorted(self._by_target.get((kind.id, namespace, target), ()), kind)

    def __len__(self) -> int:
        return len(self._objects)

    def put(self, kind: Kind, obj: Mapping[str, Any]) -> bool:
        """Take in a copy; False if it is not newer than what is known (or was seen deleted)."""
        meta = obj["metadata"]
        key = ObjectKey(kind.id, meta["namespace"], meta["name"])
        version = meta["resourceVersion"]
        known = self._objects.get(key)
        if known is not None and not is_newer(version, _version(known)):
            return False
        buried = self._tombstones.get(key)
        if buried is not None and not is_newer(version, buried):
            return False
        self._tombstones.pop(key, None)
        self._forget(key)
        self._remember(key, trimmed(kind, obj))
        return True

    def holds(self, kind: Kind, obj: Mapping[str, Any]) -> bool:
        """Whether exactly this version is what is known."""
        known = self.get(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
        return known is not None and _version(known) == _version(obj)

    def remove(self, kind: Kind, obj: Mapping[str, Any]) -> None:
        """A DELETED event: leaves a tombstone, so that a late older copy does not raise the dead."""
        meta = obj["metadata"]
        key = ObjectKey(kind.id, meta["namespace"], meta["name"])
        known = self._objects.get(key)
        other = known is not None and known["metadata"]["uid"] != meta["uid"]
        if other and known is not None and is_newer(_version(known), meta["resourceVersion"]):
            return  # re-created meanwhile under the same name
        self._bury(key, meta["resourceVersion"])

    def drop(self, key: ObjectKey) -> None:
        """A live read or a sweep showed that the object does not exist."""
        known = self._objects.get(key)
        if known is not None:
            self._bury(key, _version(known))

    def reconcile_list(
        self, kind: Kind, namespace: str | None, seen: set[ObjectKey], list_version: str
    ) -> list[Object]:
        """After a full LIST: drop what the list lacks and is not newer than the list. Returns the dropped.

        ``namespace`` None: the list was of all namespaces.
        """

        def is_listed(key: ObjectKey) -> bool:
            return key.kind == kind.id and namespace in (None, key.namespace)

        ghosts = [
            key
            for key, obj in self._objects.items()
            if is_listed(key) and key not in seen and not is_newer(_version(obj), list_version)
        ]
        dropped = [self._objects[key] for key in ghosts]
        for key in ghosts:
            self._forget(key)
        self._tombstones = {
            k: v for k, v in self._tombstones.items() if not is_listed(k) or is_newer(v, list_version)
        }
        return dropped

    def _bury(self, key: ObjectKey, version: str) -> None:
        """Late events come in any order: the newest tombstone stands."""
        self._forget(key)
        buried = self._tombstones.get(key)
        if buried is None or is_newer(version, buried):
            self._tombstones[key] = version

    def _remember(self, key: ObjectKey, obj: Object) -> None:
        self._objects[key] = obj
        self._by_place[key.kind, key.namespace].add(key)
        owner = controller_uid(obj)
        if owner:
            self._by_owner[owner].add(key)
        model = obj["metadata"].get("labels", {}).get(LABEL_MODEL)
        if model:
            self._by_model[key.kind, key.namespace, model].add(key)
        for hostname in _hostnames(obj):
            self._by_hostname[key.kind, hostname].add(key)
        target = _target(obj)
        if target:
            self._by_target[key.kind, key.namespace, target].add(key)

    def _forget(self, key: ObjectKey) -> None:
        obj = self._objects.pop(key, None)
        if obj is None:
            return
        _discard(self._by_place, (key.kind, key.namespace), key)
        _discard(self._by_owner, controller_uid(obj), key)
        model = obj["metadata"].get("labels", {}).get(LABEL_MODEL)
        _discard(self._by_model, (key.kind, key.namespace, model), key)
        for hostname in _hostnames(obj):
            _discard(self._by_hostname, (key.kind, hostname), key)
        _discard(self._by_target, (key.kind, key.namespace, _target(obj)), key)

    def _sorted(self, keys: Iterable[ObjectKey], kind: Kind) -> list[Object]:
        return [self._objects[key] for key in sorted(keys) if key.kind == kind.id]


def _hostnames(obj: Object) -> tuple[str, ...]:
    return tuple(obj.get("spec", {}).get("traffic", {}).get("hostnames", ()))


def _target(obj: Mapping[str, Any]) -> str:
    return str(obj.get("spec", {}).get("scaleTargetRef", {}).get("name", ""))


def _version(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["resourceVersion"])


def _discard(index: defaultdict[Any, set[ObjectKey]], at: Any, key: ObjectKey) -> None:
    members = index.get(at)
    if members is None:
        return
    members.discard(key)
    if not members:
        del index[at]
