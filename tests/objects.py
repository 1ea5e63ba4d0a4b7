"""Watching objects of a real cluster until they are as expected: no polling, one stream per question."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch

from trimtab.apis.v1alpha1.meta import GROUP, VERSION

Object = dict[str, Any]
FINAL = frozenset({"Succeeded", "GateFailed", "Failed"})


class NotReached(AssertionError):
    """The object was not as expected in time; the message shows what it was."""


def changes(
    kubeconfig: Path, namespace: str, plural: str, name: str, timeout_seconds: float
) -> Iterator[Object]:
    """The object as it is (as soon as it exists), then every new state of it, until the time is up."""
    api = client.CustomObjectsApi(config.new_client_from_config(str(kubeconfig)))  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + timeout_seconds
    while (left := deadline - time.monotonic()) > 0:
        stream = watch.Watch().stream(  # type: ignore[no-untyped-call]
            api.list_namespaced_custom_object,
            GROUP,
            VERSION,
            namespace,
            plural,
            field_selector=f"metadata.name={name}",
            timeout_seconds=max(1, int(left)),
        )
        for event in stream:
            if event["type"] in ("ADDED", "MODIFIED"):
                yield event["object"]


def until(
    states: Iterator[Object], holds: Callable[[Object], bool], what: str, *, stop_at: Callable[[Object], bool]
) -> Object:
    """The first state for which `holds`. Raises NotReached when `stop_at` says that it never will."""
    last: Object = {}
    for last in states:
        if holds(last):
            return last
        if stop_at(last):
            break
    raise NotReached(f"{what}: {json.dumps(last.get('status', {}), indent=1)}")


def phase(obj: Object) -> str:
    return str(obj.get("status", {}).get("phase", ""))


def is_final(obj: Object) -> bool:
    return phase(obj) in FINAL


def condition(obj: Object, type_: str) -> Object:
    """The condition of that type; empty when there is none."""
    found = (c for c in obj.get("status", {}).get("conditions", ()) if c["type"] == type_)
    return next(found, {})
