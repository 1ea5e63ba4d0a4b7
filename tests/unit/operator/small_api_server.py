"""A very small API server on a real port: stores objects, checks resourceVersions, fails on demand.

For what needs a server that answers badly at the right moment; the real one is in tests/apiserver.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration

from trimtab.cluster.client import Client
from trimtab.model.kinds import Kind

Object = dict[str, Any]
Answer = int | str | None
"""None: as it should be; a number: that status; "silence": the connection is closed without an answer, after
the write was done; any other text: 200 with that body."""


class SmallApiServer:
    def __init__(self, *objects: tuple[Kind, Object]) -> None:
        self.objects: dict[str, Object] = {}
        self.requests: list[tuple[str, str]] = []
        self.answer: Callable[[str, str], Answer] = lambda verb, path: None
        self._handled = asyncio.Event()
        for kind, obj in objects:
            self.store(kind, obj)

    def store(self, kind: Kind, obj: Object) -> Object:
        meta = obj["metadata"]
        return self._store(kind.object_path(meta["namespace"], meta["name"]), obj)

    def _store(self, path: str, obj: Object) -> Object:
        self._version = getattr(self, "_version", 100) + 1
        stored: Object = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
        self.objects[path] = stored
        return stored

    async def __aenter__(self) -> SmallApiServer:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._server = TestServer(application)
        await self._server.start_server()
        configuration = Configuration()
        configuration.host = str(self._server.make_url("")).rstrip("/")
        self.client = Client(ApiClient(configuration=configuration), timeout_seconds=5)
        return self

    async def __aexit__(
        self, type_: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.close()
        await self._server.close()

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(verb, path) for verb, path in self.requests if verb != "GET"]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Looks again after every request."""
        async with asyncio.timeout(10):
            while not holds():
                self._handled.clear()
                await self._handled.wait()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer_to(request)
        finally:
            self._handled.set()

    async def _answer_to(self, request: web.Request) -> web.StreamResponse:
        verb, path = request.method, "/" + request.match_info["path"]
        self.requests.append((verb, path))
        body = json.loads(text) if (text := await request.text()) else {}
        match self.answer(verb, path):
            case int(status):
                return _refusal(status, f"{status} on demand")
            case "silence":
                self._carry_out(verb, path, body)
                if request.transport is not None:
                    request.transport.close()
                return web.Response()
            case str(text):
                return web.Response(text=text, content_type="application/json")
            case _:
                return self._carry_out(verb, path, body)

    def _carry_out(self, verb: str, path: str, body: Object) -> web.Response:
        if verb == "POST":
            return self._post(path, body)
        path, subresource, _ = path.partition("/status")
        known = self.objects.get(path)
        if known is None:
            return _refusal(404, "not found")
        if verb == "GET":
            return web.json_response(known)
        if verb == "DELETE":
            return web.json_response(self.objects.pop(path))
        if body["metadata"].get("resourceVersion") not in (None, known["metadata"]["resourceVersion"]):
            return _refusal(409, "the object has been modified", "Conflict")
        return web.json_response(
            self._store(path, known | {"status": body["status"]} if subresource else body)
        )

    def _post(self, collection: str, body: Object) -> web.Response:
        path = f"{collection}/{body['metadata']['name']}"
        if path in self.objects:
            return _refusal(409, "already exists", "AlreadyExists")
        return web.json_response(self._store(path, body), status=201)


def _refusal(status: int, message: str, reason: str = "") -> web.Response:
    return web.json_response({"kind": "Status", "reason": reason, "message": message}, status=status)
