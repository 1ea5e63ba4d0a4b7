"""Rows in windows: by number, or by time at whole multiples of a length since 1970, as the operator does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from trimtab.replay.errors import CannotReplay
from trimtab.replay.roles import Roles, times
from trimtab.replay.rows import Places, Rows

MAX_CHUNKS = 10_000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_EPOCH = datetime.fromtimestamp(0, UTC)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows. `timed`: `start` and `end` are of the rows, and not only an order."""

    start: datetime
    end: datetime
    places: Places
    timed: bool


def by_number(rows: Rows, size: int | None) -> list[Chunk]:
    """Chunks of `size` rows in the order of the file, the last of what is left; None: all rows at once."""
    size = len(rows) if size is None else size
    if size < 1:
        raise CannotReplay("--chunk-size must be at least 1")
    _check_count(-(-len(rows) // size), "raise --chunk-size")
    starts = range(0, len(rows), size)
    return [
        Chunk(_EPOCH + k * _HOUR, _EPOCH + (k + 1) * _HOUR, np.arange(at, min(at + size, len(rows))), False)
        for k, at in enumerate(starts)
    ]


def by_time(rows: Rows, roles: Roles, every: str) -> list[Chunk]:
    """Windows from the first row to the last; one without a row is silence, and judged as such."""
    seconds, length = times(rows, roles), seconds_of(every)
    numbers = np.floor_divide(seconds, length).astype(np.int64)
    first, last = int(numbers.min()), int(numbers.max())
    _check_count(last - first + 1, "raise --every")
    return list(_timed(numbers, first, last, length))


def _timed(numbers: np.ndarray, first: int, last: int, length: int) -> Iterator[Chunk]:
    order = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers[order], np.arange(first, last + 2))
    for place, number in enumerate(range(first, last + 1)):
        start = _EPOCH + timedelta(seconds=number * length)
        yield Chunk(start, start + timedelta(seconds=length), order[bounds[place] : bounds[place + 1]], True)


def seconds_of(every: str) -> int:
    """`90s`, `15m`, `6h`, `1d` or `1w` in seconds."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhdw])", every)
    if found is None:
        raise CannotReplay(f"--every {every}: write a whole number and s, m, h, d or w, such as 1d")
    return int(found[1]) * _UNITS[found[2]]


def _check_count(count: int, remedy: str) -> None:
    if count > MAX_CHUNKS:
        raise CannotReplay(f"that makes {count} windows, more than {MAX_CHUNKS}: {remedy}")
