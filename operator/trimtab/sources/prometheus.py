"""Asks a Prometheus for one number: addresses from the operator's configuration only, no redirects, no proxy,
little time, a bounded answer.

What cannot be read is a reason to wait, never a verdict on the model.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import aiohttp

from trimtab.deployment.queries import Answer, Sample

TIMEOUT_SECONDS: Final = 5.0
MAX_ANSWER_BYTES: Final = 1 << 16
MAX_SERIES_BYTES: Final = 4 << 20
CONCURRENT: Final = 16
_QUERY_PATH: Final = "/api/v1/query"
_QUOTED_CHARACTERS: Final = 200


@dataclass(frozen=True)
class Source:
    """Where it answers, and how often it is worth asking."""

    url: str
    interval_seconds: float


class Prometheus:
    def __init__(self, sources: Mapping[str, Source], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.sources = sources
        self._timeout_seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(CONCURRENT)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, name: str, query: str, at: datetime) -> Answer:
        """The value of the query at a moment. Never raises for what the source does; no address stands in a
        problem."""
        answer = await self._asked(name, query, at, MAX_ANSWER_BYTES)
        if isinstance(answer, Answer):
            return answer
        try:
            return Answer(_number(*answer))
        except _Unusable as error:
            return Answer(problem=f"source {name}: {error}")

    async def counts(self, name: str, selector: str, at: datetime) -> Answer:
        """The series that a selector finds, each with its value at a moment."""
        answer = await self._asked(name, selector, at, MAX_SERIES_BYTES)
        if isinstance(answer, Answer):
            return answer
        try:
            return Answer(samples=_samples(*answer))
        except _Unusable as error:
            return Answer(problem=f"source {name}: {error}")

    async def _asked(
        self, name: str, query: str, at: datetime, limit: int
    ) -> tuple[int, bytes, int] | Answer:
        source = self.sources.get(name)
        if source is None:
            return Answer(problem=f"the operator knows no source {name}: name it in prometheus.sources")
        try:
            async with self._slots, asyncio.timeout(self._timeout_seconds):
                status, data = await self._post(source.url, query, at, limit)
        except TimeoutError:
            return Answer(problem=f"source {name}: no answer within {self._timeout_seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(problem=f"source {name}: no connection ({type(error).__name__})")
        return status, data, limit

    async def _post(self, url: str, query: str, at: datetime, limit: int) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        form = {"query": query, "time": f"{at.timestamp():.3f}", "timeout": f"{self._timeout_seconds:g}s"}
        async with self._session.post(url + _QUERY_PATH, data=form, allow_redirects=False) as response:
            data = b""
            while len(data) <= limit and (more := await response.content.read(1 << 16)):
                data += more
            return response.status, data


class _Unusable(Exception):
    """An answer that holds no number; the text is safe for status."""


def _number(status: int, data: bytes, limit: int) -> float | None:
    """The one number of an answer; None where there is none yet."""
    kind, found = _result(status, data, limit)
    if kind == "vector" and isinstance(found, list):
        if len(found) > 1:
            raise _Unusable(f"the query gives {len(found)} series: aggregate them, with sum() for example")
        return _finite(found[0].get("value") if isinstance(found[0], dict) else None) if found else None
    if kind == "scalar":
        return _finite(found)
    raise _Unusable("the query gives no number at one moment: an instant vector of one series, or a scalar")


def _samples(status: int, data: bytes, limit: int) -> tuple[Sample, ...]:
    """The series of an answer, by name and labels."""
    kind, found = _result(status, data, limit)
    if kind != "vector" or not isinstance(found, list):
        raise _Unusable("its answer holds no series at one moment")
    return tuple(_sample(series) for series in found)


def _sample(series: Any) -> Sample:
    labels = series.get("metric") if isinstance(series, dict) else None
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        raise _Unusable("its answer holds a series without labels")
    value = _finite(series.get("value"))
    if value is None:
        raise _Unusable("its answer holds a count that is no number")
    return Sample(labels.get("__name__", ""), labels, value)


def _result(status: int, data: bytes, limit: int) -> tuple[Any, Any]:
    """Kind and content of an answer."""
    if len(data) > limit:
        raise _Unusable(f"its answer is larger than {limit} bytes")
    body = _parsed(data)
    if status != 200 or body.get("status") != "success":
        raise _Unusable(f"answered {status}{_quoted(body.get('error'))}")
    result = body.get("data")
    return (result.get("resultType"), result.get("result")) if isinstance(result, dict) else ("", None)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _finite(sample: Any) -> float | None:
    """Of [time, "number"]. NaN is 0 by 0, a rate among no requests: there is no number yet."""
    try:
        value = float(sample[1])
    except (TypeError, ValueError, IndexError, KeyError):
        raise _Unusable("its answer holds no number") from None
    if math.isinf(value):
        raise _Unusable("the query gives an infinite value: does it divide by 0?")
    return None if math.isnan(value) else value


def _quoted(error: Any) -> str:
    if not isinstance(error, str):
        return ""
    text = "".join(c if c.isprintable() else " " for c in error)
    return f": {text[:_QUOTED_CHARACTERS]}"
