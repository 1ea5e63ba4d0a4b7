"""Real traffic beside a test: load generators as processes, steered through their sockets."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.cluster.processes import wait_until
from tests.load.control import Control
from tests.load.process import generator, socket_of, summary_of

Summary = dict[str, Any]
Connections = Literal["new", "kept alive"]
RATE_PER_SECOND = 60
BOTH: tuple[Connections, Connections] = ("new", "kept alive")


@dataclass
class Traffic:
    """Running generators, one per kind of connection. `final` holds their summaries once they have ended."""

    controls: Sequence[Control]
    final: list[Summary] = field(default_factory=list)

    def mark(self, phase: str) -> None:
        for control in self.controls:
            control.mark(phase)

    def wait_for(self, more: int, seconds: float = 120) -> None:
        """Until each has sent so many more requests."""
        for control in self.controls:
            _await_sent(control, more, seconds)

    def assert_none_failed(self, *, at_least: int) -> None:
        """Failed = connection error, non-2xx, or no answer in 10 s; the generator never retries."""
        for summary in self.final:
            shown = json.dumps(summary, indent=1)
            assert summary["total"]["sent"] >= at_least, shown
            assert summary["total"]["failed"] == 0, shown

    def failed(self, phase: str) -> int:
        """Requests that arrived in phases of that name and failed."""
        phases = [found for summary in self.final for found in summary["phases"]]
        return sum(found["failed"] for found in phases if found["name"] == phase)


def _await_sent(control: Control, more: int, seconds: float) -> None:
    goal = _sent(control) + more
    wait_until(lambda: _sent(control) >= goal, seconds, f"{more} more requests to be sent")


def _sent(control: Control) -> int:
    return int(control.summary()["total"]["sent"])


@contextmanager
def traffic(
    url: str, model: str, pool: Path, *, connections: Sequence[Connections] = ("new",), host: str = ""
) -> Iterator[Traffic]:
    """RATE_PER_SECOND requests per second for each kind of connection, until the block ends. ``host``: what
    they ask for at a front that routes by name."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder, ExitStack() as stack:
        folders = [Path(folder) / kind.replace(" ", "-") for kind in connections]
        processes = []
        for kind, place in zip(connections, folders, strict=True):
            place.mkdir()
            kept = kind == "kept alive"
            running_one = generator(url, model, pool, place, rate=RATE_PER_SECOND, keep_alive=kept, host=host)
            processes.append(stack.enter_context(running_one))
        controls = []
        for place in folders:
            wait_until(socket_of(place).exists, 60, "a load generator to listen")
            controls.append(stack.enter_context(Control(socket_of(place))))
        running = Traffic(controls)
        yield running
        for control in controls:
            control.stop()
        for process in processes:
            process.wait(60)
        running.final += [json.loads(summary_of(place).read_text()) for place in folders]
