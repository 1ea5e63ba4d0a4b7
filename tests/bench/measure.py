"""One line of the table at the end of `make bench`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """`beside`: a peer's number, as recorded. `met` is False when the value misses its target."""

    name: str
    value: str
    target: str = ""
    beside: str = ""
    met: bool = True

    @property
    def judged(self) -> str:
        return self.target if self.met or not self.target else f"{self.target} **missed**"


HEAD = ("Measured", "Value", "Target", "Beside")


def table(measures: Sequence[Measure]) -> str:
    """A Markdown table with aligned columns: to read on a screen and to keep in a page."""
    cells = [HEAD, *((m.name, m.value, m.judged, m.beside) for m in measures)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEAD))]
    lines = [_line(row, widths) for row in cells]
    return "\n".join([lines[0], _line(tuple("-" * width for width in widths), widths), *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
