"""The watch of children: goes on where it was, lists again when it must, outlives what the server does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration

from trimtab.cluster.client import Client
from trimtab.model.kinds import POD
from trimtab.runtime import child_watch
from trimtab.runtime.child_watch import ChildWatch
from trimtab.runtime.routes import WATCHED

PODS = next(watched for watched in WATCHED if watched.kind is POD)
Script = Sequence[dict[str, Any] | int | str]


def event(type_: str, name: str, version: int) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ml", "resourceVersion": str(version)}
    return {"type": type_, "object": {"metadata": meta}}


def expired() -> dict[str, Any]:
    return {"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}


class Server:
    """Answers each watch with the next script: events; a number is that status; "cut" ends it midway."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.asked: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.query["resourceVersion"])
        assert request.query["labelSelector"] == PODS.selector
        if not self.scripts:
            await asyncio.sleep(60)
        script = self.scripts.pop(0)
        if script and isinstance(script[0], int):
            return web.json_response({"kind": "Status", "message": "on demand"}, status=script[0])
        response = web.StreamResponse()
        await response.prepare(request)
        for item in script:
            if item == "cut":
                assert request.transport is not None
                request.transport.close()
                break
            # In two pieces, as a network may deliver a line.
            line = json.dumps(item).encode() + b"\n"
            await response.write(line[:20])
            await response.write(line[20:])
        return response


class Seen:
    def __init__(self) -> None:
        self.events: list[tuple[str | None, str]] = []
        self.lists = 0

    async def list_again(self) -> str:
        self.lists += 1
        return "500"

    def observed(self, kind: Any, type_: str | None, obj: dict[str, Any]) -> None:
        assert kind is POD
        self.events.append((type_, obj["metadata"]["name"]))


@asynccontextmanager
async def watching(server: Server) -> AsyncIterator[Seen]:
    application = web.Application()
    application.router.add_get("/api/v1/namespaces/ml/pods", server.handle)
    seen = Seen()
    async with TestServer(application) as running:
        configuration = Configuration()
        configuration.host = str(running.make_url("")).rstrip("/")
        client = Client(ApiClient(configuration=configuration), timeout_seconds=5)
        watch = ChildWatch(client, PODS, "ml", list_again=seen.list_again, observed=seen.observed)
        task = asyncio.create_task(watch.run("100"))
        try:
            yield seen
            assert not task.done(), "the watch has ended"
        finally:
            task.cancel()
            await client.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_watch, "FIRST_BACKOFF_SECONDS", 0.01)


@pytest.mark.parametrize(
    ("first", "next_version", "lists", "why"),
    [
        ([event("ADDED", "a", 101)], "101", 0, "the stream has ended: on from its last version"),
        ([event("ADDED", "a", 101), event("BOOKMARK", "", 170)], "170", 0, "a bookmark moves it on"),
        ([event("ADDED", "a", 101), "cut"], "101", 0, "the connection is lost"),
        ([event("ADDED", "a", 101), expired()], "500", 1, "the server has forgotten: list, then on"),
        ([410], "500", 1, "it has forgotten already"),
        ([500], "100", 0, "an answer that is no stream"),
        ([429], "100", 0, "the server is busy"),
        ([403], "100", 0, "refused: the rights may come back"),
    ],
)
async def test_it_goes_on(first: Script, next_version: str, lists: int, why: str) -> None:
    server = Server(first, [event("MODIFIED", "b", 600)])
    async with watching(server) as seen:
        await until(lambda: ("MODIFIED", "b") in seen.events and len(server.asked) >= 3)
    assert server.asked[:3] == ["100", next_version, "600"], why
    assert seen.lists == lists, why
    told = [("ADDED", "a")] if isinstance(first[0], dict) else []
    assert seen.events == [*told, ("MODIFIED", "b")], "a bookmark is no event"


async def test_a_line_of_any_length_is_read() -> None:
    large = event("ADDED", "a", 101)
    large["object"]["status"] = {"message": "x" * 300_000}
    async with watching(Server([large])) as seen:
        await until(lambda: bool(seen.events))
