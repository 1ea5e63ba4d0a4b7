"""Questions to sources: each as often as its source says, and nobody waits for another's answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import web

from trimtab.deployment.queries import Question
from trimtab.model.kinds import ObjectKey
from trimtab.runtime.query_watch import QueryWatch
from trimtab.sources.prometheus import Prometheus, Source

FLIGHTS = ObjectKey("Deployment", "ml", "flights")
TRAINS = ObjectKey("Deployment", "ml", "trains")
OFTEN, SELDOM = 0.2, 3600.0
ANSWER = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1.0, "7"]}})


class Asked:
    """The queries that a source was asked, and their times. One that is called `slow` gets no answer."""

    def __init__(self) -> None:
        self.queries: list[tuple[str, str]] = []
        self.changed = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.queries.append((str(form["query"]), str(form["time"])))
        self.changed.set()
        if form["query"] == "slow":
            await asyncio.sleep(60)
        return web.Response(text=ANSWER)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def watching(interval: float) -> AsyncIterator[tuple[QueryWatch, Asked]]:
    asked = Asked()
    app = web.Application()
    app.router.add_post("/api/v1/query", asked.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    prometheus = Prometheus({"main": Source(f"http://127.0.0.1:{port}", interval)})
    watch = QueryWatch(prometheus, lambda _: asked.changed.set())
    running = asyncio.create_task(watch.run())
    try:
        yield watch, asked
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await prometheus.close()
        await runner.cleanup()


def question(candidate: str, stable: str = "", *, since: datetime | None = None) -> Question:
    texts = (("candidate", candidate), *((("stable", stable),) if stable else ()))
    return Question("failed", "main", texts, since)  # type: ignore[arg-type]


async def test_both_sides_are_evaluated_at_the_same_moment() -> None:
    async with watching(SELDOM) as (watch, asked):
        both = question("ours", "theirs")
        assert watch.latest(FLIGHTS, [both]) == {}
        await asked.until(lambda: bool(watch.latest(FLIGHTS, [both])))
        look = watch.latest(FLIGHTS, [both])["failed"]
        assert look.stable is not None
        assert (look.candidate.value, look.stable.value) == (7.0, 7.0)
        assert {query for query, _ in asked.queries} == {"ours", "theirs"}
        assert len({time for _, time in asked.queries}) == 1
        assert len(asked.queries) == 2, "not again before its interval is over"


async def test_nobody_waits_for_a_source_that_does_not_answer() -> None:
    async with watching(OFTEN) as (watch, asked):
        watch.latest(TRAINS, [question("slow")])
        await asked.until(lambda: "slow" in {query for query, _ in asked.queries})
        watch.latest(FLIGHTS, [question("quick")])
        await asked.until(lambda: sum(query == "quick" for query, _ in asked.queries) >= 3)
        assert watch.latest(TRAINS, [question("slow")]) == {}


async def test_a_process_that_begins_again_waits_as_the_one_before_it_would_have() -> None:
    async with watching(SELDOM) as (watch, asked):
        just_now = datetime.now(UTC) - timedelta(seconds=1)
        watch.latest(FLIGHTS, [question("asked before", since=just_now)])
        watch.latest(TRAINS, [question("asked long ago", since=just_now - timedelta(hours=2))])
        await asked.until(lambda: bool(asked.queries))
        assert {query for query, _ in asked.queries} == {"asked long ago"}


async def test_another_question_is_asked_at_once_and_its_answer_is_its_own() -> None:
    async with watching(SELDOM) as (watch, asked):
        await asked.until(lambda: bool(watch.latest(FLIGHTS, [question("first")])))
        assert watch.latest(FLIGHTS, [question("second")]) == {}, "the answer to another one says nothing"
        await asked.until(lambda: bool(watch.latest(FLIGHTS, [question("second")])))
        watch.forget(FLIGHTS)
        assert watch.latest(FLIGHTS, []) == {}
