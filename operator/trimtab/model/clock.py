"""Times as Kubernetes writes them. The clock itself is read by the shell and passed in as ``now``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as metav1.Time."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp(moment: datetime) -> str:
    """A time inside a name: digits and a T only."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S")


def parse_time(text: str) -> datetime:
    """Inverse of `format_time`; also reads fractions (metav1.MicroTime)."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)
