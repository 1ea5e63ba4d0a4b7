"""Model servers as they should not be: each is a reason to wait, in words, and in bounded time and memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.unit.operator.samples import digest

from trimtab.sources.scrape import TIMEOUT_SECONDS, Scraper, Target
from trimtab_runtime.contract.page import PageReader
from trimtab_runtime.contract.serving import PageShape
from trimtab_runtime.server.answers import RecentAnswers
from trimtab_runtime.server.counters import Counters

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MODEL = digest("1")
PAGE = Counters(PageShape(MODEL, ()), None, (), profile_digest="", start_time_seconds=1.0).page()


@asynccontextmanager
async def serving(answer: Handler, more: Mapping[str, Handler] | None = None) -> AsyncIterator[int]:
    """``more``: other paths than /metrics."""
    app = web.Application()
    for path, handler in {"/metrics": answer, **(more or {})}.items():
        app.router.add_get(path, handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    finally:
        await runner.cleanup()


async def scrape(*ports: int) -> tuple[set[str], dict[str, str]]:
    scraper = Scraper()
    targets = [
        Target(str(n), f"pod-{n}", "127.0.0.1", port, PageReader(MODEL)) for n, port in enumerate(ports)
    ]
    found = await scraper.scrape(targets)
    await scraper.close()
    return set(found.pages), dict(found.failures)


async def sound(_: web.Request) -> web.Response:
    return web.Response(body=PAGE)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"# more and more\n" * 4096)


async def dripping(request: web.Request) -> web.StreamResponse:
    """A line now and then: never silent for long, and never done."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"# \n")
        await asyncio.sleep(0.1)


async def silent(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response(body=PAGE)


async def elsewhere(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/metrics"})


async def telling(_: web.Request) -> web.Response:
    answers = RecentAnswers(MODEL, lambda: 1e6)
    answers.note(b"a request", 0.25)
    return web.Response(body=answers.page())


@pytest.mark.parametrize(("path", "expected"), [("/answers", 1), ("/elsewhere", 0)])
async def test_answers_are_read_where_they_are_asked_for_and_told(path: str, expected: int) -> None:
    """An older image tells none: nothing waits for that."""
    async with serving(sound, {path: telling}) as port:
        scraper = Scraper()
        asked, other = (
            Target(uid, uid, "127.0.0.1", port, PageReader(MODEL), answers_of)
            for uid, answers_of in (("asked", MODEL), ("other", ""))
        )
        found = await scraper.scrape([asked, other])
        await scraper.close()
        assert (set(found.pages), found.failures) == ({"asked", "other"}, {})
        assert len(found.answers) == expected
        assert "other" not in found.answers


async def test_answers_that_lie_are_left_out() -> None:
    async with serving(sound, {"/answers": endless}) as port:
        scraper = Scraper()
        found = await scraper.scrape([Target("a", "a", "127.0.0.1", port, PageReader(MODEL), MODEL)])
        await scraper.close()
        assert (set(found.pages), found.answers) == ({"a"}, {})


async def failing(_: web.Request) -> web.Response:
    return web.Response(status=500, body=PAGE)


async def not_a_number(_: web.Request) -> web.Response:
    return web.Response(body=b" NaN\n".join(PAGE.rsplit(b" 0\n", 1)))


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (endless, "larger than"),
        (dripping, "no answer within 2 s"),
        (silent, "no answer within 2 s"),
        (elsewhere, "answered 302"),
        (failing, "answered 500"),
        (not_a_number, "not a finite number"),
    ],
)
async def test_what_is_no_page_costs_nobody_else(answer: Handler, problem: str) -> None:
    began = time.monotonic()
    async with serving(sound) as good, serving(answer) as bad:
        pages, failures = await scrape(good, bad)
    assert pages == {"0"}
    assert failures.keys() == {"pod-1"} and problem in failures["pod-1"]
    assert "127.0.0.1" not in failures["pod-1"], "no address in a reason"
    assert time.monotonic() - began < TIMEOUT_SECONDS + 2


async def test_nobody_there() -> None:
    assert await scrape(1) == (set(), {"pod-0": "no connection (ClientConnectorError)"})
