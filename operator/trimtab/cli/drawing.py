"""Rows -> lines of a given width: guides, aligned columns, long texts wrapped under their column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.text import Text

from trimtab.cli.rows import Row, State

STYLES = {
    State.GOOD: "green",
    State.WORKING: "cyan",
    State.WARNING: "yellow",
    State.BAD: "bold red",
    State.UNKNOWN: "dim",
}
GAP = "  "
NARROWEST_DETAIL = 24


@dataclass(frozen=True)
class Guides:
    """The characters that show which row belongs to which; four of equal width."""

    branch: str = "├─ "
    last: str = "└─ "
    through: str = "│  "
    blank: str = "   "


LINES = Guides()
ASCII = Guides("|- ", "`- ", "|  ", "   ")


@dataclass(frozen=True)
class _Placed:
    row: Row
    head: str
    """Guides before the label."""
    below: str
    """Guides before what is continued under the row."""

    @property
    def label(self) -> str:
        return self.head + self.row.label


def draw(trees: Sequence[Row], width: int, guides: Guides = LINES) -> list[Text]:
    """The lines of the trees; none is wider than ``width``, unless a name alone is."""
    placed = [place for tree in trees for place in _placed(tree, "", "", guides)]
    labels = _column((len(place.label) for place in placed if place.row.phase), width // 2)
    phases = _column((len(place.row.phase) for place in placed), width // 4)
    return [line for place in placed for line in _lines(place, labels, phases, width)]


def _column(lengths: Iterable[int], most: int) -> int:
    return min(max(lengths, default=0), most)


def _placed(row: Row, head: str, below: str, guides: Guides) -> Iterator[_Placed]:
    has_children = guides.through if row.children else guides.blank
    yield _Placed(row, head, below + (has_children if row.detail else ""))
    for child in row.children:
        is_last = child is row.children[-1]
        joint, passed = (guides.last, guides.blank) if is_last else (guides.branch, guides.through)
        yield from _placed(child, below + joint, below + passed, guides)


def _lines(place: _Placed, labels: int, phases: int, width: int) -> Iterator[Text]:
    row = place.row
    first = Text(place.head, style="dim").append(row.label, style="" if row.phase else "dim")
    if row.phase:
        first.append(" " * (labels - len(place.label)) + GAP).append(row.phase, style=STYLES[row.state])
    column = labels + len(GAP) + phases + len(GAP)
    fits = width - max(column, len(first) + len(GAP)) >= NARROWEST_DETAIL
    column = max(column, len(first) + len(GAP)) if fits else len(place.below) + len(GAP)
    details = wrap(row.detail, max(NARROWEST_DETAIL, width - column), break_on_hyphens=False)
    if fits and details:
        first.append(" " * (column - len(first))).append(details.pop(0))
    yield first
    for detail in details:
        yield Text(place.below, style="dim").append(" " * (column - len(place.below)) + detail, style="none")
