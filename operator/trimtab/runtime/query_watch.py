"""Asks the queries of every rollout that somebody judges, and keeps the last look at each.

One question is asked as often as its source says. The reconciles that follow take the look; nothing is
decided here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trimtab.deployment.queries import Look, Question
from trimtab.model.kinds import ObjectKey
from trimtab.sources.prometheus import Prometheus

SHORTEST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 60.0
UNKNOWN_SOURCE_SECONDS = 30.0
FORGET_SECONDS = 120.0


@dataclass
class _Asked:
    question: Question
    due: float
    last: Look | None = None


@dataclass
class _Watch:
    asked_at: float
    metrics: dict[str, _Asked] = field(default_factory=dict)


class QueryWatch:
    """Rollouts are added by asking for their looks; one that nobody asks for any more is dropped."""

    def __init__(self, prometheus: Prometheus, notify: Callable[[ObjectKey], None]) -> None:
        self._prometheus = prometheus
        self._notify = notify
        self._watches: dict[ObjectKey, _Watch] = {}
        self._wake = asyncio.Event()

    def latest(self, key: ObjectKey, questions: Sequence[Question]) -> Mapping[str, Look]:
        """The newest look by metric, as far as there is one at exactly this question."""
        if not questions:
            self.forget(key)
            return {}
        watch = self._watches.setdefault(key, _Watch(0.0))
        watch.asked_at = time.monotonic()
        known = watch.metrics
        watch.metrics = {q.metric: self._kept(known.get(q.metric), q) for q in questions}
        return {name: asked.last for name, asked in watch.metrics.items() if asked.last is not None}

    def forget(self, key: ObjectKey) -> None:
        """Its queries are asked no more."""
        self._watches.pop(key, None)

    def _kept(self, known: _Asked | None, question: Question) -> _Asked:
        if known is not None and (known.question.source, known.question.texts) == (
            question.source,
            question.texts,
        ):
            return known
        self._wake.set()
        # A process that began again does not look sooner than the one before it would have.
        past = 0.0 if question.since is None else (datetime.now(UTC) - question.since).total_seconds()
        wait = 0.0 if question.since is None else max(0.0, self._interval(question) - past)
        return _Asked(question, due=time.monotonic() + wait)

    def _interval(self, question: Question) -> float:
        source = self._prometheus.sources.get(question.source)
        return source.interval_seconds if source else UNKNOWN_SOURCE_SECONDS

    async def run(self) -> None:
        """Asks for ever; one slow source holds up no other."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._wake.clear()
                for task in self._begin_due():
                    running.add(task)
                    task.add_done_callback(running.discard)
                await self._pause()
        finally:
            for task in running:
                task.cancel()

    def _begin_due(self) -> list[asyncio.Task[None]]:
        now, tasks = time.monotonic(), []
        for key, watch in list(self._watches.items()):
            if watch.asked_at < now - FORGET_SECONDS:
                self.forget(key)
                continue
            for asked in watch.metrics.values():
                if asked.due <= now:
                    asked.due = now + self._interval(asked.question)
                    tasks.append(asyncio.create_task(self._look(key, asked)))
        return tasks

    async def _pause(self) -> None:
        due = [asked.due for watch in self._watches.values() for asked in watch.metrics.values()]
        pause = min(due, default=float("inf")) - time.monotonic()
        try:
            async with asyncio.timeout(min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, pause))):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _look(self, key: ObjectKey, asked: _Asked) -> None:
        """Both sides, evaluated at the same moment."""
        at, question = datetime.now(UTC), asked.question
        ask = self._prometheus.counts if question.counts else self._prometheus.ask
        answers = await asyncio.gather(*(ask(question.source, text, at) for _, text in question.texts))
        sides = dict(zip((side for side, _ in question.texts), answers, strict=True))
        if asked.last is None or asked.last.at < at:
            asked.last = Look(at, sides["candidate"], sides.get("stable"))
        self._notify(key)
