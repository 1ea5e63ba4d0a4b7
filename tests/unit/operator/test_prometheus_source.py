"""One number from a Prometheus: what counts as one, and what is said of everything else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from tests.unit.operator.samples import NOW

from trimtab.deployment.queries import Answer
from trimtab.sources.prometheus import MAX_ANSWER_BYTES, MAX_SERIES_BYTES, Prometheus, Source


@asynccontextmanager
async def answering(
    status: int = 200, body: bytes = b"", *, seconds: float = 0.0, headers: Any = None
) -> AsyncIterator[tuple[Prometheus, list[Any]]]:
    """A source `main` that answers so, and the forms that it was sent."""
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, dict(await request.post())))
        await asyncio.sleep(seconds)
        return web.Response(status=status, body=body, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    prometheus = Prometheus({"main": Source(f"http://127.0.0.1:{port}/team", 30.0)}, timeout_seconds=0.5)
    try:
        yield prometheus, asked
    finally:
        await prometheus.close()
        await runner.cleanup()


def vector(*values: Any) -> bytes:
    series = [{"metric": {"pod": str(n)}, "value": [1.0, value]} for n, value in enumerate(values)]
    return success("vector", series)


def success(kind: str, result: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


@pytest.mark.parametrize(
    ("body", "value", "why"),
    [
        (vector("0.25"), 0.25, "one series"),
        (vector("-1e-3"), -0.001, "any finite number"),
        (success("scalar", [1.0, "3"]), 3.0, "a scalar is one number too"),
        (vector(), None, "no series yet"),
        (vector("NaN"), None, "0 by 0: a rate among no requests"),
    ],
)
async def test_a_number_or_none_yet(body: bytes, value: float | None, why: str) -> None:
    async with answering(body=body) as (prometheus, asked):
        assert await prometheus.ask("main", "up", NOW) == Answer(value), why
    assert asked == [
        ("/team/api/v1/query", {"query": "up", "time": f"{NOW.timestamp():.3f}", "timeout": "0.5s"})
    ]


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (500, b"oops", "source main: answered 500"),
        (503, vector("1"), "source main: answered 503"),
        (400, b'{"status":"error","error":"parse error:\\n bad"}', "answered 400: parse error:  bad"),
        (200, b'{"status":"error","error":"' + b"x" * 999 + b'"}', "answered 200: " + "x" * 200),
        (302, b"", "answered 302"),
        (200, b"<html>", "answered 200"),
        (200, b"[" * 60_000, "answered 200"),
        (200, b"[]", "answered 200"),
        (200, vector("1", "2"), "the query gives 2 series: aggregate them"),
        (200, success("matrix", []), "the query gives no number at one moment"),
        (200, success("string", [1.0, "1"]), "the query gives no number at one moment"),
        (200, b'{"status":"success","data":7}', "the query gives no number at one moment"),
        (200, vector("+Inf"), "infinite"),
        (200, vector("many"), "holds no number"),
        (200, success("vector", [{"value": []}]), "holds no number"),
        (200, success("vector", ["1"]), "holds no number"),
        (200, b" " * (MAX_ANSWER_BYTES + 1), "larger than"),
    ],
)
async def test_what_is_no_number_is_a_problem(status: int, body: bytes, problem: str) -> None:
    headers = {"Location": "http://127.0.0.1:1/"} if status == 302 else None
    async with answering(status, body, headers=headers) as (prometheus, _):
        answer = await prometheus.ask("main", "up", NOW)
    assert answer.value is None
    assert problem in answer.problem
    assert "127.0.0.1" not in answer.problem


async def test_counts_are_series_as_they_are() -> None:
    async with answering(body=vector("3", "4")) as (prometheus, _):
        answer = await prometheus.counts("main", "{}", NOW)
    assert [(s.labels["pod"], s.value) for s in answer.samples] == [("0", 3.0), ("1", 4.0)]
    assert not answer.problem


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (500, b"oops", "source main: answered 500"),
        (200, success("scalar", [1.0, "3"]), "no series at one moment"),
        (200, success("vector", [{"value": [1.0, "3"]}]), "without labels"),
        (200, success("vector", [{"metric": {"pod": 7}, "value": [1.0, "3"]}]), "without labels"),
        (200, success("vector", ["x"]), "without labels"),
        (200, vector("NaN"), "no number"),
        (200, vector("+Inf"), "infinite"),
        (200, b" " * (MAX_SERIES_BYTES + 1), "larger than"),
    ],
)
async def test_what_holds_no_counts_is_a_problem(status: int, body: bytes, problem: str) -> None:
    async with answering(status, body) as (prometheus, _):
        answer = await prometheus.counts("main", "{}", NOW)
    assert answer.samples == ()
    assert problem in answer.problem


async def test_an_answer_that_does_not_come() -> None:
    async with answering(body=vector("1"), seconds=3.0) as (prometheus, _):
        assert await prometheus.ask("main", "up", NOW) == Answer(
            problem="source main: no answer within 0.5 s"
        )


async def test_nobody_there() -> None:
    prometheus = Prometheus({"main": Source("http://127.0.0.1:1", 30.0)})
    answer = await prometheus.ask("main", "up", NOW)
    assert "no connection" in answer.problem and "127.0.0.1" not in answer.problem
    await prometheus.close()


async def test_only_configured_sources_are_asked() -> None:
    async with answering(body=vector("1")) as (prometheus, asked):
        answer = await prometheus.ask("other", "up", NOW)
    assert answer.problem == "the operator knows no source other: name it in prometheus.sources"
    assert not asked
