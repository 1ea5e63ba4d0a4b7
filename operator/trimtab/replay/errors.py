"""What a replay refuses."""

from __future__ import annotations


class CannotReplay(Exception):
    """Names the option, file or column, and the remedy."""
