"""A rollout watched from outside: what status said when, and what the pods had answered by then."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

Object = dict[str, Any]
SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Sample:
    """`seconds` since the start. `verdict`: of the metric `errors`. Without a candidate weights are None.

    `connections` and `errors`: of both sides together and of the candidate, since its pods began.
    """

    seconds: float
    phase: str
    desired: int | None
    applied: int | None
    observed: int | None
    verdict: str
    connections: tuple[int, int]
    errors: tuple[int, int]


@dataclass(frozen=True)
class Entry:
    """A line of `status.history`."""

    seconds: float
    reason: str
    message: str


@dataclass
class Recording:
    samples: list[Sample] = field(default_factory=list)
    history: list[Entry] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """One line per sample: a change of the record can be read."""
        parts = {
            name: ",\n".join(f"  {json.dumps(asdict(row))}" for row in rows)
            for name, rows in (("samples", self.samples), ("history", self.history))
        }
        path.write_text(
            "{\n" + ",\n".join(f' "{name}": [\n{rows}\n ]' for name, rows in parts.items()) + "\n}\n"
        )

    @classmethod
    def read(cls, path: Path) -> Recording:
        found = json.loads(path.read_text())
        samples = [
            Sample(**row | {"connections": tuple(row["connections"]), "errors": tuple(row["errors"])})
            for row in found["samples"]
        ]
        return cls(samples, [Entry(**row) for row in found["history"]])


Counted = tuple[tuple[int, int], tuple[int, int]]


class Recorder:
    """`with Recorder(...) as recorder:` samples beside whatever happens inside, twice a second."""

    def __init__(self, look: Callable[[], Object], count: Callable[[str], Counted]) -> None:
        self.recording = Recording()
        self._look = look
        self._count = count
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Recorder:
        self._began, self._wall = time.monotonic(), time.time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        history = self._look()["status"].get("history", ())
        self.recording.history = [entry for line in history if (entry := self._entry(line)).seconds >= 0]

    def _run(self) -> None:
        due = self._began
        while not self._over.wait(max(0.0, due - time.monotonic())):
            status = self._look()["status"]
            seconds = round(time.monotonic() - self._began, 1)
            self.recording.samples.append(self._sample(seconds, status))
            due += SAMPLE_SECONDS

    def _sample(self, seconds: float, status: Object) -> Sample:
        weight = status.get("weight", {})
        verdicts = {metric["metric"]: metric["verdict"] for metric in status.get("analysis", ())}
        connections, errors = self._count(status.get("candidate", {}).get("revision", ""))
        return Sample(
            seconds,
            status["phase"],
            weight.get("desired"),
            weight.get("applied"),
            weight.get("observed"),
            verdicts.get("errors", ""),
            connections,
            errors,
        )

    def _entry(self, line: Object) -> Entry:
        """Times in status are whole seconds."""
        at = datetime.fromisoformat(line["time"]).timestamp()
        return Entry(round(at - self._wall, 1), line["reason"], line["message"])
