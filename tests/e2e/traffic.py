"""Real traffic beside a test: the load generator as a process, steered through its socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.cache import CLONE
from tests.cluster.processes import wait_until
from tests.load.control import Control

Summary = dict[str, Any]
RATE_PER_SECOND = 60


@dataclass
class Traffic:
    """One running generator. `summary` may be asked for at any time."""

    control: Control
    summary_file: Path

    def mark(self, phase: str) -> None:
        self.control.mark(phase)

    def sent(self) -> int:
        return int(self.control.summary()["total"]["sent"])

    def wait_for(self, more: int, seconds: float = 120) -> None:
        """Until so many more requests were sent."""
        goal = self.sent() + more
        wait_until(lambda: self.sent() >= goal, seconds, f"{more} more requests sent")


@contextmanager
def traffic(
    url: str, model: str, pool: Path, *, rate: int = RATE_PER_SECOND, keep_alive: bool = False
) -> Iterator[tuple[Traffic, list[Summary]]]:
    """Requests at a fixed rate until the block ends; then the list holds the final summary."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        socket, summary_file = Path(folder) / "control", Path(folder) / "summary.json"
        command = [
            *(sys.executable, "-m", "tests.load", "run", "--url", url, "--model", model),
            *("--pool", str(pool), "--label", "late", "--rate", str(rate), "--label-delay", "3"),
            *("--control", str(socket), "--json", str(summary_file)),
            *(["--keep-alive"] if keep_alive else []),
        ]
        path = os.pathsep.join([str(CLONE), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)
        done: list[Summary] = []
        try:
            wait_until(socket.exists, 60, "the load generator to listen")
            with Control(socket) as control:
                yield Traffic(control, summary_file), done
                control.stop()
            process.wait(60)
            done.append(json.loads(summary_file.read_text()))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def assert_none_failed(summary: Summary, *, at_least: int) -> None:
    """Failed = connection error, non-2xx, or no answer in 10 s; the generator never retries."""
    total = summary["total"]
    assert total["sent"] >= at_least, summary
    assert total["failed"] == 0, json.dumps(summary, indent=1)
