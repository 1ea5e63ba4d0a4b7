"""What is kept outside the clone: expensive results, built once per version and shared by all clones."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.cluster.progress import say

CLONE = Path(__file__).resolve().parents[2]
BUILD = CLONE / "build"


def cache_dir() -> Path:
    """`~/.cache/trimtab`, or what TRIMTAB_CACHE names."""
    named = os.environ.get("TRIMTAB_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "trimtab"


@contextlib.contextmanager
def exclusive(lock: Path, what: str) -> Iterator[None]:
    """Hold `lock` so that two clones never build the same thing twice. Released by the kernel on any exit."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{what}: another process is at it; waiting for it to end")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def filled_atomically(target: Path) -> Iterator[Path]:
    """Give an empty directory beside `target` and rename it over `target` on success only.

    An interrupted run leaves no `target` that looks complete, so presence means completeness.
    """
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def content_hash(paths: Iterable[Path], *words: str) -> str:
    """16 hex digits of the names and bytes of files (folders recursively, no by-products) and of `words`.

    Names are taken relative to the clone, so two clones with equal content agree.
    """
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for path in sorted(_files(paths)):
        name = path.relative_to(CLONE) if path.is_relative_to(CLONE) else Path(path.name)
        digest.update(f"{name}\0{oct(path.stat().st_mode & 0o111)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _is_by_product(file: Path) -> bool:
    return any(part == "__pycache__" or part.endswith(".egg-info") for part in file.parts)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (f for f in path.rglob("*") if f.is_file() and not _is_by_product(f))
        else:
            yield path
