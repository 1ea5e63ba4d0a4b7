"""The open window as JSON and back, in the ConfigMap that survives the process, and when it is written.

Counters of the pods are not kept: the first round after a restart is the new baseline, and the window that
was open is Partial.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from trimtab.driftmonitor.observed import DriftMonitorObserved
from trimtab.driftmonitor.windows import OpenWindow
from trimtab.model import names
from trimtab.model.clock import format_time, parse_time
from trimtab.model.kinds import CONFIG_MAP, DRIFT_MONITOR
from trimtab.model.plan import Apply, controller_reference
from trimtab.model.stored_counts import dump_counts, load_counts

VERSION = 1
INTERVAL_SECONDS = 30.0
KEY_WINDOW = "window"
KEY_SAVED_AT = "savedAt"


class UnreadableCheckpoint(ValueError):
    """A checkpoint that this operator did not write."""


def dump(window: OpenWindow) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "version": VERSION,
        "start": format_time(window.start),
        "end": format_time(window.end),
        "digest": window.digest,
        "mixed": window.mixed,
        "counts": dump_counts(window.counts),
    }


def load(config_map: Mapping[str, Any]) -> OpenWindow | None:
    """The window that was open, now Partial; None if none was. Raises UnreadableCheckpoint."""
    text = config_map.get("data", {}).get(KEY_WINDOW)
    if text is None:
        return None
    try:
        stored = json.loads(text)
        if stored["version"] != VERSION:
            raise UnreadableCheckpoint(f"version {stored['version']}, this operator reads {VERSION}")
        return OpenWindow(
            start=parse_time(stored["start"]),
            end=parse_time(stored["end"]),
            digest=stored["digest"],
            counts=load_counts(stored["counts"]),
            partial=True,
            mixed=bool(stored["mixed"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableCheckpoint(f"{type(error).__name__}: {error}") from error


def restored(stored: OpenWindow | None, fresh: OpenWindow) -> OpenWindow:
    """``fresh``, the window of now, with what was stored of it."""
    if stored is None or (stored.start, stored.end, stored.digest) != (fresh.start, fresh.end, fresh.digest):
        return fresh
    return replace(stored, mixed=stored.mixed or fresh.mixed)


def checkpoint_if_due(observed: DriftMonitorObserved, now: datetime) -> tuple[Apply, ...]:
    """The ConfigMap, every 30 s while the open window has grown: an idle monitor writes nothing."""
    window = observed.window
    if window is None or not window.counts.values or not _is_due(observed.checkpoint, window, now):
        return ()
    body = {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": {
            "name": names.window_config_map(observed.name),
            "namespace": observed.namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY},
            "ownerReferences": [controller_reference(observed.body, DRIFT_MONITOR)],
        },
        "data": {
            KEY_WINDOW: json.dumps(dump(window), sort_keys=True),
            KEY_SAVED_AT: format_time(now),
        },
    }
    return (Apply(CONFIG_MAP, body, observed.checkpoint),)


def _is_due(stored: Mapping[str, Any] | None, window: OpenWindow, now: datetime) -> bool:
    """A window is first worth keeping when it is as old as the interval: shorter ones are never kept."""
    if (now - window.start).total_seconds() < INTERVAL_SECONDS or not _has_rows(window):
        return False
    data = (stored or {}).get("data", {})
    if KEY_SAVED_AT not in data:
        return True
    if (now - parse_time(data[KEY_SAVED_AT])).total_seconds() < INTERVAL_SECONDS:
        return False
    return bool(data.get(KEY_WINDOW) != json.dumps(dump(window), sort_keys=True))


def _has_rows(window: OpenWindow) -> bool:
    return any(window.counts.values.values())
