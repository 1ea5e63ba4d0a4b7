"""Files made from code and kept in the repository: write them, or say which are out of date."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def stale(folder: Path, files: Mapping[str, str]) -> list[str]:
    """One line per file that is missing, differs, or is no longer made (it begins like those that are)."""
    problems = [
        f"{folder / name} is {'out of date' if (folder / name).is_file() else 'missing'}"
        for name, text in sorted(files.items())
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    first_lines = {text.partition("\n")[0] for text in files.values()}
    others = [path for path in sorted(folder.glob("*")) if path.is_file() and path.name not in files]
    return problems + [
        f"{path} is no longer generated: delete it"
        for path in others
        if path.read_text(encoding="utf-8").partition("\n")[0] in first_lines
    ]
