"""Return labels to the model server some time after its answers, as the world would."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

MAX_LABELS_PER_POST = 1000


@dataclass(frozen=True)
class _Due:
    at_seconds: float
    token: str
    label: int


class LabelReturn:
    """Posts token and label to /feedback, `delay_seconds` after the answer, in batches; never twice.

    Counts: `sent`, `accepted`, `rejected: <reason>`, and `failed` when a post had no usable answer.
    """

    def __init__(
        self, session: aiohttp.ClientSession, url: str, delay_seconds: float, counts: Counter[str]
    ) -> None:
        self._session = session
        self._url = url
        self._delay_seconds = delay_seconds
        self._counts = counts
        self._due: deque[_Due] = deque()
        self._closing = asyncio.Event()

    def add(self, token: str, label: int) -> None:
        """The label of an answer that has just arrived."""
        now = asyncio.get_running_loop().time()
        self._due.append(_Due(now + self._delay_seconds, token, label))

    async def run(self, every_seconds: float) -> None:
        """Post what is due, every so often; after `close` the rest, each label when it is due.

        Never cancelled: a post under way would be taken by the server and counted by nobody here.
        """
        while not self._closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(every_seconds):
                    await self._closing.wait()
            await self._post_due()
        while self._due:
            last = self._due[-1].at_seconds
            await asyncio.sleep(max(0.0, last - asyncio.get_running_loop().time()))
            await self._post_due()

    def close(self) -> None:
        """No more labels are added; `run` ends when the last one is through."""
        self._closing.set()

    async def _post_due(self) -> None:
        now = asyncio.get_running_loop().time()
        while batch := self._take(now):
            await self._post(batch)

    def _take(self, now_seconds: float) -> list[_Due]:
        batch: list[_Due] = []
        while self._due and self._due[0].at_seconds <= now_seconds and len(batch) < MAX_LABELS_PER_POST:
            batch.append(self._due.popleft())
        return batch

    async def _post(self, batch: list[_Due]) -> None:
        body = json.dumps([{"token": one.token, "label": one.label} for one in batch]).encode()
        self._counts["sent"] += len(batch)
        try:
            async with self._session.post(self._url, data=body) as answer:
                answer.raise_for_status()
                result = json.loads(await answer.read())
                self._counts["accepted"] += int(result["accepted"])
                self._counts.update(f"rejected: {one['reason']}" for one in result["rejected"])
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            self._counts["failed"] += len(batch)
            self._counts[f"failed: {type(error).__name__}"] += len(batch)
