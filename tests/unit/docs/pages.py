"""The documentation as data: pages, fenced blocks with the mark before them, tables, links.

A mark is a comment on the line before a block or a table, such as `<!-- run: first-model -->`. The end-to-end
tests read what they run from here: `marked("run", "first-model")`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CLONE = Path(__file__).resolve().parents[3]
GENERATED = CLONE / "docs" / "reference"
_FENCE = re.compile(r"^(```+)(\w*)\s*$")
_MARK = re.compile(r"^<!-- (?P<kind>[a-z ]+): (?P<name>.+) -->$")


@dataclass(frozen=True)
class Mark:
    """What a comment says about the block or table after it."""

    kind: str = ""
    name: str = ""


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its first line in the page."""

    page: Path
    line: int
    language: str
    text: str
    mark: Mark

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(CLONE)}:{self.line}"


@dataclass(frozen=True)
class Table:
    """A table without its header; cells as they stand."""

    page: Path
    line: int
    rows: tuple[tuple[str, ...], ...]
    mark: Mark


def written_pages() -> list[Path]:
    """Every page that people write; the reference pages are generated and checked elsewhere."""
    roots = [CLONE / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    pages = (page for page in (CLONE / "docs").rglob("*.md") if GENERATED not in page.parents)
    return sorted([*roots, *pages])


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    fence, start, language, lines, mark = "", 0, "", list[str](), Mark()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        opened = _FENCE.match(line)
        if fence and line == fence:
            found.append(Block(page, start, language, "\n".join(lines) + "\n", mark))
            fence, mark = "", Mark()
        elif fence:
            lines.append(line)
        elif opened:
            fence, language, start, lines = opened[1], opened[2], number + 1, []
        elif line.strip():
            mark = _mark(line)
    assert not fence, f"{page}: the block of line {start} is not closed"
    return found


def all_blocks(*languages: str) -> list[Block]:
    return [block for page in written_pages() for block in blocks(page) if block.language in languages]


def marked(kind: str, name: str) -> str:
    """The text of the one block that is marked so."""
    found = [block for page in written_pages() for block in blocks(page) if block.mark == Mark(kind, name)]
    assert len(found) == 1, f"{len(found)} blocks are marked {kind}: {name}"
    return found[0].text


def tables(page: Path) -> Iterator[Table]:
    mark, rows, start = Mark(), list[tuple[str, ...]](), 0
    for number, line in enumerate([*prose(page).splitlines(), ""], 1):
        if line.startswith("|"):
            start = start or number
            rows.append(tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))
        elif rows:
            yield Table(page, start, tuple(rows[2:]), mark)
            rows, mark, start = [], Mark(), 0
        elif line.strip():
            mark = _mark(line)


def marked_tables(kind: str, name: str) -> list[Table]:
    return [table for page in written_pages() for table in tables(page) if table.mark == Mark(kind, name)]


def code(cell: str) -> str:
    """The text of a cell that is one piece of code."""
    found = re.fullmatch(r"`([^`]+)`", cell)
    assert found, f"{cell!r} is no piece of code"
    return found[1]


def prose(page: Path) -> str:
    """The page with the lines of its blocks blank, so that line numbers stay."""
    kept, fence = [], ""
    for line in page.read_text().splitlines():
        opened = _FENCE.match(line)
        if fence:
            fence = "" if line == fence else fence
            kept.append("")
        elif opened:
            fence = opened[1]
            kept.append("")
        else:
            kept.append(line)
    return "\n".join(kept)


def _mark(line: str) -> Mark:
    found = _MARK.match(line.strip())
    return Mark(found["kind"], found["name"]) if found else Mark()
