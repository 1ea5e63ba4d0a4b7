"""What happened, when, and against what was planned: told on screen while it goes, kept as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic.alias_generators import to_camel
from tests.cluster import progress
from tests.cluster.progress import duration


class DidNotHappen(Exception):
    """A step of the story ended otherwise than the story says."""


@dataclass
class Step:
    """One step of the story."""

    title: str
    planned_seconds: float
    happened: bool = False
    actual_seconds: float = 0.0
    problem: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """One line of the timeline."""

    at_seconds: float
    text: str


@dataclass
class Report:
    """Filled by the steps, one after the other."""

    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    steps: list[Step] = field(default_factory=list)
    timeline: list[Moment] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What is said of the whole story, such as the requests sent."""
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Numbers that change on the way, such as weights and verdicts: a list of moments for each."""
    _clock: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, title: str, planned_seconds: float) -> Iterator[dict[str, Any]]:
        """Time a step; what it puts into the yielded dict are its facts. An error ends the story with it."""
        step = Step(title, planned_seconds)
        self.steps.append(step)
        started = time.monotonic()
        try:
            with progress.step(title, planned_seconds):
                yield step.facts
            step.happened = True
        except BaseException as error:
            step.problem = f"{type(error).__name__}: {error}"
            raise
        finally:
            step.actual_seconds = round(time.monotonic() - started, 1)

    def say(self, text: str) -> None:
        """A line on screen and in the timeline."""
        self.timeline.append(Moment(self._elapsed_seconds(), text))
        progress.say(f"  {text}")

    def keep(self, kind: str, **numbers: Any) -> None:
        """One more moment of `kind`, for the summary."""
        self.records.setdefault(kind, []).append({"atSeconds": self._elapsed_seconds(), **numbers})

    def _elapsed_seconds(self) -> float:
        return round(time.monotonic() - self._clock, 1)

    def write(self, path: Path, **more: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "startedAt": self.started_at,
            "steps": [_camel_case(asdict(step)) for step in self.steps],
            "timeline": [_camel_case(asdict(moment)) for moment in self.timeline],
            **self.records,
            **self.facts,
            **more,
        }
        path.write_text(json.dumps(content, indent=2) + "\n")

    def table(self) -> str:
        """Planned against actual time, one line per step."""
        width = max((len(step.title) for step in self.steps), default=0)
        lines = [f"{'step':{width}}  {'planned':>12}  {'actual':>12}"]
        for step in self.steps:
            fate = "" if step.happened else "  DID NOT HAPPEN"
            planned, actual = duration(step.planned_seconds), duration(step.actual_seconds)
            lines.append(f"{step.title:{width}}  {planned:>12}  {actual:>12}{fate}")
        return "\n".join(lines)


def _camel_case(record: dict[str, Any]) -> dict[str, Any]:
    """The outer names as everywhere else in our JSON."""
    return {to_camel(name): value for name, value in record.items()}
