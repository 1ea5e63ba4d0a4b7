"""The load generator as a process beside a test or the demo; it is steered through its socket."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.cache import CLONE

LABEL_DELAY_SECONDS = 3


def socket_of(folder: Path) -> Path:
    """Where the generator with this folder listens."""
    return folder / "control"


def summary_of(folder: Path) -> Path:
    """Where it leaves its summary when it ends."""
    return folder / "summary.json"


@contextmanager
def generator(
    url: str,
    model: str,
    pool: Path,
    folder: Path,
    *,
    rate: int,
    keep_alive: bool = False,
    seed: int = 1,
    host: str = "",
) -> Iterator[subprocess.Popen[bytes]]:
    """Requests at a fixed rate and their labels some seconds later, until stopped or the block ends."""
    command = [
        *(sys.executable, "-m", "tests.load", "run", "--url", url, "--model", model),
        *("--pool", str(pool), "--label", "late", "--rate", str(rate), "--seed", str(seed)),
        *("--label-delay", str(LABEL_DELAY_SECONDS)),
        *("--control", str(socket_of(folder)), "--json", str(summary_of(folder))),
        *(["--keep-alive"] if keep_alive else []),
        *(["--host", host] if host else []),
    ]
    path = os.pathsep.join([str(CLONE), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
