"""``status.history``: one line per transition, bounded; Events are derived from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.meta import HistoryEntry
from trimtab.model.clock import parse_time

HISTORY_LIMIT = 50
MESSAGE_LIMIT = 512
EVENT_MAX_AGE_SECONDS = 600.0


def append(
    history: Sequence[HistoryEntry],
    *,
    entry_id: str,
    reason: str,
    message: str,
    now: datetime,
    warning: bool = False,
) -> tuple[HistoryEntry, ...]:
    """History with one more entry; unchanged if an entry of that id is already there.

    The id names the transition itself (for example ``trial-3-failed``), not the time, so that deciding the
    same transition twice records it once.
    """
    if any(entry.id == entry_id for entry in history):
        return tuple(history)
    entry = HistoryEntry(
        id=entry_id,
        time=now,
        type="Warning" if warning else "Normal",
        reason=reason,
        message=message[:MESSAGE_LIMIT],
    )
    return (*history, entry)[-HISTORY_LIMIT:]


def recent(status: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """Entries of a stored status young enough that their Event is (re-)emitted after a restart."""
    return [entry for entry in status.get("history", ()) if is_recent(parse_time(entry["time"]), now)]


def is_recent(time: datetime, now: datetime) -> bool:
    return (now - time).total_seconds() < EVENT_MAX_AGE_SECONDS
