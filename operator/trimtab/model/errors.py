"""What may go wrong in a reconcile, sorted by what has to happen next."""

from __future__ import annotations

from datetime import datetime


class TrimtabError(Exception):
    """Base of the errors that the loop knows how to treat."""


class Terminal(TrimtabError):
    """Nothing will change until an input changes: becomes ``Stalled=True`` with this reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Transient(TrimtabError):
    """May pass by itself: the key is tried again with back-off.

    ``reason`` and ``message`` are safe for status (no hosts, no response bodies).
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Wait(TrimtabError):
    """Not an error: the state to decide on is not there yet. Wakes at ``until`` or on any event."""

    def __init__(self, why: str, until: datetime | None = None) -> None:
        super().__init__(why)
        self.until = until


class Conflict(TrimtabError):
    """The object changed since it was read: re-read and decide again. Silent."""


class Gone(TrimtabError):
    """The object does not exist (404), or the server no longer has the version that is asked for (410)."""


class Exists(TrimtabError):
    """An object of that name exists already (409 AlreadyExists on POST)."""
