"""Files of rows for replays, written and read as users' are."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
Columns = Mapping[str, Sequence[Any]]


def write(path: Path, columns: Columns) -> Path:
    """A CSV file; None is an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        out = csv.writer(lines)
        out.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            out.writerow(["" if cell is None else cell for cell in row])
    return path


def rows(seed: int, count: int, *, shift: float = 0.0, flipped: float = 0.0) -> dict[str, list[Any]]:
    """Two numbers, a text, a true probability and its label. `shift`: of x; `flipped`: share of labels that
    are the other one."""
    draw = np.random.default_rng(seed)
    x = draw.normal(shift, 1, size=count)
    score = 1 / (1 + np.exp(-1.5 * draw.normal(size=count)))
    label = draw.random(count) < score
    label ^= draw.random(count) < flipped
    return {
        "x": x.tolist(),
        "y": draw.exponential(size=count).tolist(),
        "city": draw.choice(["Oslo", "Rome", "Lima"], size=count, p=[0.5, 0.3, 0.2]).tolist(),
        "p": score.tolist(),
        "late": label.astype(int).tolist(),
    }


def hours(count: int, *, per_hour: int, start: datetime = START) -> list[str]:
    """Times of rows, so many in each hour."""
    return [(start + timedelta(hours=place // per_hour)).isoformat() for place in range(count)]
