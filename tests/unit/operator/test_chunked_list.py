"""A LIST in chunks: complete, in order, and the server is at work on the next while we are on this one."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.unit.operator.small_api_server import SmallApiServer

from trimtab.model.errors import Transient
from trimtab.model.kinds import POD

CHUNKS = 3


def chunk(number: int) -> str:
    meta = {"resourceVersion": "7"} | ({"continue": f"c{number + 1}"} if number + 1 < CHUNKS else {})
    items = [{"metadata": {"name": f"p{number}", "namespace": "ml"}}]
    return json.dumps({"metadata": meta, "items": items})


async def test_all_chunks_come_in_order_and_one_ahead() -> None:
    asked = asyncio.Event()
    answered = 0

    def answer(verb: str, path: str) -> str:
        nonlocal answered
        answered += 1
        asked.set()
        return chunk(answered - 1)

    async with SmallApiServer() as server:
        server.answer = answer
        seen = []
        async for items, version in server.client.pages(POD, "ml"):
            seen += [(item["metadata"]["name"], item["kind"], version) for item in items]
            if len(seen) == 1:
                asked.clear()
                await asyncio.wait_for(asked.wait(), 5)  # nobody has asked us for the next one
        assert seen == [(f"p{number}", "Pod", "7") for number in range(CHUNKS)]
        assert answered == CHUNKS


async def test_a_chunk_that_fails_is_no_short_list() -> None:
    answers = iter([chunk(0), 503])
    async with SmallApiServer() as server:
        server.answer = lambda verb, path: next(answers)
        seen = []
        with pytest.raises(Transient):
            async for items, _ in server.client.pages(POD, "ml"):
                seen += items
        assert len(seen) == 1


async def test_who_stops_early_leaves_nothing_behind() -> None:
    async with SmallApiServer() as server:
        server.answer = lambda verb, path: chunk(0)
        pages = server.client.pages(POD, "ml")
        await anext(pages)
        await pages.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        left = [task for task in asyncio.all_tasks() if "_send" in repr(task.get_coro())]
        assert left == []
