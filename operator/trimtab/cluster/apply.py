"""When a server-side apply may be left out: pure comparison of what is wanted with what the server has.

An apply is skipped only if our last intent was the same (its hash stands in an annotation) and every field
of ours still has the value that we gave it. Fields of other managers and the server's defaults do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from trimtab.model.hashing import short_hash
from trimtab.model.names import ANNOTATION_INTENT_HASH
from trimtab.model.plan import Body

# The lists of our children that the API server merges by a key. All others are atomic: what another manager
# adds there is a change of our field, and their items may well share a name or a key (tolerations).
_LIST_KEYS = {
    "containers": "name",
    "env": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "ports": "name",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
_QUANTITY_PARENTS = frozenset({"requests", "limits"})


def with_intent(body: Body) -> dict[str, Any]:
    """The body to apply: the desired fields and the hash of them."""
    meta = dict(body["metadata"])
    annotations = {**meta.get("annotations", {}), ANNOTATION_INTENT_HASH: short_hash(body, 16)}
    return {**body, "metadata": {**meta, "annotations": annotations}}


def is_applied(intended: Body, live: Body) -> bool:
    """Whether applying ``intended`` (from `with_intent`) would change nothing of ours."""
    return _holds(intended, live, parent="")


def _holds(wanted: Any, live: Any, *, parent: str) -> bool:
    match wanted:
        case Mapping():
            return isinstance(live, Mapping) and all(
                _member_holds(parent, str(key), value, live) for key, value in wanted.items()
            )
        case Sequence() if not isinstance(wanted, str):
            return isinstance(live, Sequence) and _list_holds(wanted, live, parent=parent)
        case _:
            return bool(wanted == live)


def _member_holds(parent: str, key: str, value: Any, live: Mapping[str, Any]) -> bool:
    if key not in live:
        # An empty text, list or map is not stored; False and 0 are, and mean something else than nothing.
        return isinstance(value, str | Mapping | Sequence) and not value
    if _is_quantity(parent, value):
        return _same_quantity(value, live[key])
    return _holds(value, live[key], parent=key)


def _list_holds(wanted: Sequence[Any], live: Sequence[Any], *, parent: str) -> bool:
    """Lists with a merge key are compared by it, and may hold other managers' items; others as a whole."""
    key = _LIST_KEYS.get(parent)
    if key is None:
        return len(wanted) == len(live) and all(
            _holds(w, found, parent="") for w, found in zip(wanted, live, strict=True)
        )
    by_key = {item.get(key): item for item in live if isinstance(item, Mapping)}
    return all(item[key] in by_key and _holds(item, by_key[item[key]], parent="") for item in wanted)


def _is_quantity(parent: str, value: Any) -> bool:
    return parent in _QUANTITY_PARENTS and isinstance(value, str | int)


def _quantity(value: Any) -> Decimal:
    return Decimal(parse_quantity(value))  # type: ignore[no-untyped-call]


def _same_quantity(wanted: Any, live: Any) -> bool:
    """``1000m`` is ``1``: the server stores quantities in its own form."""
    try:
        return bool(_quantity(wanted) == _quantity(live))
    except (ValueError, InvalidOperation):
        return bool(wanted == live)
