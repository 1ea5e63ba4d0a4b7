"""The static `pause` program, compiled once, and its image (every pod's sandbox)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cluster import oci_archive
from tests.cluster.cache import cache_dir, content_hash, exclusive, filled_atomically
from tests.cluster.node_files import PAUSE_IMAGE

SOURCE = Path(__file__).with_name("pause.c")


def ensure() -> Path:
    """Path of the program; needs gcc the first time."""
    folder = cache_dir() / "pause" / content_hash([SOURCE])
    with exclusive(cache_dir() / "pause" / ".lock", "pause"):
        if not folder.is_dir():
            with filled_atomically(folder) as partial:
                compiler = ["gcc", "-Os", "-static", "-s", "-o", str(partial / "pause"), str(SOURCE)]
                subprocess.run(compiler, check=True)
    return folder / "pause"


def ensure_image() -> Path:
    program = ensure()
    return oci_archive.static_image(
        program.with_name("image.tar"), PAUSE_IMAGE, {"/pause": program}, ["/pause"]
    )
