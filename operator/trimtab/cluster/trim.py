"""What of an object is kept in memory: a thousand Deployments have seven thousand objects around them.

Fields that nobody here reads are left out, for the kinds that are many and that we never write: whoever reads
a new field of them adds it here. Texts are kept once: every object names the same fields, labels and owners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any

from trimtab.model.kinds import ENDPOINT_SLICE, POD, REPLICA_SET, Kind

Object = dict[str, Any]

LONGEST_SHARED_TEXT = 80
_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
)
_POD_STATUS = ("phase", "podIP", "conditions", "containerStatuses", "initContainerStatuses")
_ENDPOINT = ("conditions", "targetRef")


def trimmed(kind: Kind, obj: Mapping[str, Any]) -> Object:
    """A copy with what is read of a kind. Never has managedFields, which are half of an object's bytes."""
    keep = _KEEP.get(kind.id)
    meta = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    kept: Object = _shared(keep(obj) if keep else {**obj, "metadata": meta})
    return kept


def _pod(obj: Mapping[str, Any]) -> Object:
    return {"metadata": _only(obj["metadata"], _META), "status": _only(obj.get("status", {}), _POD_STATUS)}


def _replica_set(obj: Mapping[str, Any]) -> Object:
    return {"metadata": _only(obj["metadata"], _META)}


def _endpoint_slice(obj: Mapping[str, Any]) -> Object:
    endpoints = [_only(endpoint, _ENDPOINT) for endpoint in obj.get("endpoints") or ()]
    return {"metadata": _only(obj["metadata"], _META), "endpoints": endpoints}


_KEEP: Mapping[str, Callable[[Mapping[str, Any]], Object]] = {
    POD.id: _pod,
    REPLICA_SET.id: _replica_set,
    ENDPOINT_SLICE.id: _endpoint_slice,
}


def _only(mapping: Mapping[str, Any], keys: tuple[str, ...]) -> Object:
    return {key: mapping[key] for key in keys if key in mapping}


def _shared(value: Any) -> Any:
    """An equal value whose keys and short texts are one object each in the whole process."""
    match value:
        case str():
            return intern(value) if len(value) <= LONGEST_SHARED_TEXT and type(value) is str else value
        case dict():
            return {intern(str(key)): _shared(item) for key, item in value.items()}
        case list():
            return [_shared(item) for item in value]
        case _:
            return value
