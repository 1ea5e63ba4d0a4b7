"""What a process takes of the machine."""

from __future__ import annotations

import psutil

MEBIBYTE = 1024 * 1024


def memory_mib(pid: int) -> float:
    """Resident set."""
    return psutil.Process(pid).memory_info().rss / MEBIBYTE


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
