"""The rules of a Deployment's HTTPRoute: testers first, then clients that stay with a side, then by weight.

Rules for headers exist only while the weighted rule sends something to the candidate: whatever is true of its
weight (endpoints before, confirmation and drain after) is true of them. The Gateway API prefers the rule with
more header matches, and of as many the one that comes first: a tester whose client sends the header of
``sticky`` too gets the candidate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.apis.v1alpha1.traffic import Traffic
from trimtab.deployment.build import SERVICE_PORT
from trimtab.deployment.traffic.routing import MIRROR, Mirror
from trimtab.model import names

Json = dict[str, Any]

BUCKETS = 256
_DIGITS = "0123456789abcdef"


PROBE_HEADER = "x-trimtab-mirror-probe"


def rules_of(
    deployment: str,
    traffic: Traffic,
    weights: Mapping[str, int],
    candidate: str,
    mirror: Mirror | None = None,
) -> list[Json]:
    """``candidate``: the revision that headers may choose; without a share of the weights there are none."""
    weighted = _rule([], [_backend(deployment, r, weight) for r, weight in sorted(weights.items())])
    weighted |= _copied(deployment, mirror)
    share = weights.get(candidate, 0)
    if len(weights) != 2 or not 0 < share < sum(weights.values()):
        return [weighted]
    stable = next(revision for revision in sorted(weights) if revision != candidate)
    ours, theirs = [_backend(deployment, candidate, 1)], [_backend(deployment, stable, 1)]
    found: list[Json] = []
    if traffic.testers is not None:
        found.append(_rule([_header("Exact", traffic.testers.header, traffic.testers.value)], ours))
    if traffic.sticky is not None:
        header = traffic.sticky.header
        count = min(max(round(BUCKETS * share / sum(weights.values())), 1), BUCKETS - 1)
        found.append(_rule([_header("RegularExpression", header, buckets(0, count))], ours))
        found.append(_rule([_header("RegularExpression", header, buckets(count, BUCKETS))], theirs))
    return [*found, weighted]


def probe_rules(deployment: str, uid: str, stable: str, mirror: Mirror) -> list[Json]:
    """For requests that nobody makes: with a header that holds the uid of the Deployment."""
    rule = _rule([_header("Exact", PROBE_HEADER, uid)], [_backend(deployment, stable, 1)])
    return [rule | _copied(deployment, mirror)]


def _copied(deployment: str, mirror: Mirror | None) -> Json:
    if mirror is None:
        return {}
    backend = {
        key: value for key, value in _backend(deployment, mirror.revision, 1).items() if key != "weight"
    }
    return {
        "filters": [{"type": MIRROR, "requestMirror": {"backendRef": backend, "percent": mirror.percent}}]
    }


def buckets(low: int, high: int) -> str:
    """A regular expression for values whose last two hexadecimal digits are a number from ``low`` to below
    ``high``. Anchored, so that it means the same where a match may be a part of the value.

    With ``low`` 0 a larger ``high`` matches all that a smaller one does: nobody moves back when the weight
    grows.
    """
    parts = []
    for first in range(16):
        last = range(max(low - 16 * first, 0), min(high - 16 * first, 16))
        if last:
            parts.append(f"{_class(range(first, first + 1))}{_class(last)}")
    return f"^.*({'|'.join(parts)})$"


def _class(digits: range) -> str:
    """A character class of hexadecimal digits, of either case."""
    text = "".join(_DIGITS[digit] for digit in digits)
    upper = "".join(c for c in text.upper() if c.isalpha())
    return f"[{text}{upper}]" if len(text + upper) > 1 else text


def _rule(headers: list[Json], backends: list[Json]) -> Json:
    match: Json = {"path": {"type": "PathPrefix", "value": "/"}}
    return {"matches": [match | ({"headers": headers} if headers else {})], "backendRefs": backends}


def _header(type_: str, name: str, value: str) -> Json:
    return {"type": type_, "name": name, "value": value}


def _backend(deployment: str, revision: str, weight: int) -> Json:
    name = names.workload(deployment, revision)
    return {"group": "", "kind": "Service", "name": name, "port": SERVICE_PORT, "weight": weight}
