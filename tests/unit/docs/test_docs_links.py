"""Links, anchors and paths that the pages name lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.unit.docs.pages import CLONE, Mark, blocks, prose, tables, written_pages

PAGES = written_pages()
LINK = re.compile(r"!?\[(?:[^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
SCHEME = re.compile(r"^[a-z]+://")
# A word like docs/adr/README.md or tests/unit, not a glob, a placeholder or a repository of the registry.
TOP_FOLDERS = ("operator", "runtime", "crds", "manifests", "charts", "examples", "tests", "docs")
PATH = re.compile(rf"^({'|'.join(TOP_FOLDERS)})(/[\w.-]+)+/?$")
TEST_LINK = re.compile(r"\[`(test_\w+\.py)`\]\(([^)]+)\)((?:,? ?`test_\w+`)+)")


def page_id(page: Path) -> str:
    return str(page.relative_to(CLONE))


def anchors(page: Path) -> set[str]:
    """Anchors as GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if SCHEME.match(target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{target} does not exist"
        assert linked.is_relative_to(CLONE), f"{target} leads out of the repository"
        if anchor:
            assert anchor in anchors(linked), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_paths_exist(page: Path) -> None:
    for text in CODE.findall(prose(page)):
        if PATH.match(text):
            assert (CLONE / text).exists(), text


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_page_but_the_first_can_be_reached(page: Path) -> None:
    linked = {
        (other.parent / target.partition("#")[0]).resolve()
        for other in PAGES
        if other != page
        for target in LINK.findall(prose(other))
        if not SCHEME.match(target)
    }
    assert page in linked or page == CLONE / "README.md"


def test_the_reference_has_a_page_for_each_kind_and_is_linked() -> None:
    generated = {path.name for path in (CLONE / "docs" / "reference").glob("*.md")}
    index = prose(CLONE / "docs" / "README.md")
    assert generated == {Path(target).name for target in LINK.findall(index) if "reference/" in target}


def test_the_threat_model_names_tests_that_exist() -> None:
    page = CLONE / "docs" / "security" / "threat-model.md"
    cells = [row[2] for table in tables(page) for row in table.rows if len(row) == 3]
    named = [(page.parent / match[2], match[3]) for cell in cells for match in TEST_LINK.finditer(cell)]
    assert len(named) > 15
    for path, names in named:
        for name in CODE.findall(names):
            assert re.search(rf"^(async )?def {name}\(", path.read_text(), re.MULTILINE), f"{path}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_marks_are_known_and_stand_before_something(page: Path) -> None:
    known = {"run", "not run", "settings", "model", "values", "reasons", "metrics", "rights", "table"}
    written = re.findall(r"^<!-- ([a-z ]+): (.+) -->$", prose(page), re.MULTILINE)
    used = [block.mark for block in blocks(page)] + [table.mark for table in tables(page)]
    assert [Mark(*pair) for pair in written if Mark(*pair) not in used] == []
    assert {kind for kind, _ in written} <= known


def test_one_page_per_decision_in_order_with_the_same_parts() -> None:
    folder = CLONE / "docs" / "adr"
    pages = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    numbers = [int(path.name[:4]) for path in pages]
    assert len(set(numbers)) == len(numbers), "numbers are given once; some may be reserved"
    index = (folder / "README.md").read_text()
    for number, path in zip(numbers, pages, strict=True):
        text = path.read_text()
        title = re.match(rf"# {number}\. (.+)\n", text)
        assert title, f"{path.name} starts with its number and title"
        assert f"| {number} | [{title[1]}]({path.name}) |" in index
        for part in ("Context", "Decision", "Consequences"):
            assert f"**{part}.**" in text, f"{path.name}: {part}"
        assert len(text.splitlines()) <= 60, f"{path.name} is longer than a page"


def test_contributing_fits_two_screens() -> None:
    assert len((CLONE / "CONTRIBUTING.md").read_text().splitlines()) <= 100
