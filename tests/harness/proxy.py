"""Stands between the operator and the API server: numbers and logs every write, and does what a fault says.

Only the operator talks through it, in plain HTTP on loopback; towards the server it is the cluster's admin.
Watch streams pass line by line as they come. Writes of the Lease are forwarded but neither numbered nor
logged: their number depends on time, and every other write's number must not.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import aiohttp
import yarl
from aiohttp import web
from multidict import CIMultiDict
from tests.harness.access import Access
from tests.harness.background import Background

HELD_SECONDS = 90.0
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
Side = Literal["before", "after"]
_HOP_BY_HOP = frozenset(
    {"connection", "host", "transfer-encoding", "content-length", "keep-alive", "accept-encoding"}
)


@dataclass(frozen=True)
class Request:
    """What the operator sent. `index` numbers its writes from 1; None for reads and the Lease."""

    verb: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    index: int | None

    @property
    def is_watch(self) -> bool:
        return self.verb == "GET" and "watch" in self.query

    @property
    def resource(self) -> str:
        """The plural: `jobs`, `experiments`, ..."""
        match = re.search(r"/namespaces/[^/]+/([^/]+)", self.path) or re.search(r"/([^/]+)$", self.path)
        return match.group(1) if match else ""

    @property
    def name(self) -> str:
        """`jobs/flights-t1-a1`, `experiments/flights/status`: what the write is about."""
        within = re.sub(r"^.*/namespaces/[^/]+/", "", self.path)
        if self.verb != "POST":
            return within
        return f"{within}/{json.loads(self.body).get('metadata', {}).get('name', '')}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Write:
    """One line of the log. `status` 0: the operator got no answer. `at`: seconds after the proxy's start."""

    index: int
    verb: str
    name: str
    status: int
    at: float
    body: bytes = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.index:3d} {self.at:5.2f} s {self.verb:6} {self.name} {self.status or 'no answer'}"


class NoAnswer(Exception):
    """Raised by a fault: the operator's connection is cut without an answer."""


class Fault:
    """What happens on the way. This one: nothing. Others override what they need.

    Raising NoAnswer cuts the connection; sleeping delays.
    """

    async def before(self, request: Request) -> Answer | None:
        """Called before forwarding; an Answer is relayed instead of the server's, and nothing is sent."""

    async def after(self, request: Request, answer: Answer) -> Answer:
        """Called when the server has answered; what it returns is relayed."""
        return answer

    def events(self, request: Request, line: bytes) -> Iterable[bytes]:
        """The lines to relay for one line of a watch."""
        return (line,)


At = Callable[[Request], bool]


class Kill(Fault):
    """Kills the operator at the first write that `at` holds of: before it is forwarded, or once it is done.

    Nothing passes any more after that: set another fault before a successor starts. What `held` holds of
    waits for the kill, and goes nowhere.
    """

    def __init__(self, at: At, side: Side, kill: Callable[[], None], *, held: At = lambda _: False) -> None:
        self.struck: Request | None = None
        self._at = at
        self._side = side
        self._kill = kill
        self._held = held
        self._killed = asyncio.Event()

    async def before(self, request: Request) -> Answer | None:
        if request.index is not None and self._held(request):
            await asyncio.wait_for(self._killed.wait(), HELD_SECONDS)
        if self._side == "before" or self.struck is not None:
            self._strike_at(request)
        return None

    async def after(self, request: Request, answer: Answer) -> Answer:
        if self._side == "after":
            self._strike_at(request)
        return answer

    def _strike_at(self, request: Request) -> None:
        if self.struck is None and request.index is not None and self._at(request):
            self.struck = request
            self._kill()
            self._killed.set()
        if self.struck is not None:
            # Whatever the dead process had under way at the same time goes nowhere either.
            raise NoAnswer


class Proxy:
    """`with Proxy(access, background) as proxy:`; `fault` may be changed at any time."""

    def __init__(self, access: Access, background: Background, fault: Fault | None = None) -> None:
        self.fault = fault or Fault()
        self.writes: list[Write] = []
        self.port = 0
        self._access = access
        self._background = background
        self._numbered = 0
        self._started = time.monotonic()

    def __enter__(self) -> Proxy:
        self._background.call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._background.call(self._stop())

    def write_kubeconfig(self, path: Path, namespace: str) -> Path:
        """A kubeconfig without credentials: who may do what is the proxy's identity."""
        named = {"cluster": "proxy", "user": "operator", "namespace": namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "operator", "user": {}}],
            "contexts": [{"name": "proxy", "context": named}],
            "current-context": "proxy",
        }
        path.write_text(json.dumps(document))
        return path

    async def _start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._access.tls, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        app = web.Application(client_max_size=16 << 20)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        request = await self._read(incoming)
        if request.is_watch:
            return await self._relay_watch(incoming, request)
        # Shielded: a write on its way is not taken back when its sender dies, as on a real network.
        relaying = asyncio.ensure_future(self._exchange(request))
        relaying.add_done_callback(_heed)
        try:
            answer = await asyncio.shield(relaying)
        except NoAnswer:
            _cut(incoming)
            return web.Response()
        return web.Response(
            status=answer.status, body=answer.body, headers=CIMultiDict(_end_to_end(answer.headers))
        )

    async def _read(self, incoming: web.Request) -> Request:
        body = await incoming.read()
        index = None
        if incoming.method in WRITES and "/leases" not in incoming.path:
            self._numbered += 1
            index = self._numbered
        return Request(incoming.method, incoming.path, incoming.query, incoming.headers, body, index)

    async def _exchange(self, request: Request) -> Answer:
        try:
            answer = await self.fault.before(request) or await self._forward(request)
            answer = await self.fault.after(request, answer)
        except NoAnswer:
            self._log(request, 0)
            raise
        self._log(request, answer.status)
        return answer

    async def _forward(self, request: Request) -> Answer:
        try:
            async with self._session.request(
                request.verb,
                self._url(request),
                data=request.body or None,
                headers=_end_to_end(request.headers),
            ) as answer:
                return Answer(answer.status, answer.headers, await answer.read())
        except aiohttp.ClientError as error:
            raise NoAnswer from error

    async def _relay_watch(self, incoming: web.Request, request: Request) -> web.StreamResponse:
        try:
            early = await self.fault.before(request)
            if early is not None:
                return web.Response(status=early.status, body=early.body, headers=CIMultiDict(early.headers))
            timeout = aiohttp.ClientTimeout(total=None)
            headers = _end_to_end(request.headers)
            async with self._session.get(self._url(request), headers=headers, timeout=timeout) as answer:
                relayed = web.StreamResponse(
                    status=answer.status, headers=CIMultiDict(_end_to_end(answer.headers))
                )
                await relayed.prepare(incoming)
                async for line in _lines(answer.content):
                    for event in self.fault.events(request, line):
                        await relayed.write(event)
                await relayed.write_eof()
                return relayed
        except (NoAnswer, aiohttp.ClientError):
            _cut(incoming)
            return web.Response()

    def _url(self, request: Request) -> yarl.URL:
        query = f"?{urlencode(request.query)}" if request.query else ""
        return yarl.URL(f"{self._access.url}{request.path}{query}", encoded=True)

    def _log(self, request: Request, status: int) -> None:
        if request.index is not None:
            at = time.monotonic() - self._started
            self.writes.append(Write(request.index, request.verb, request.name, status, at, request.body))


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Whole lines, of any length (aiohttp's own reader limits them)."""
    rest = b""
    async for chunk in stream.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    """Without compression, so that a fault can read and change what passes."""
    kept = {key: value for key, value in headers.items() if key.lower() not in _HOP_BY_HOP}
    return kept | {"Accept-Encoding": "identity"}


def _cut(incoming: web.Request) -> None:
    if incoming.transport is not None:
        incoming.transport.abort()


def _heed(task: asyncio.Future[Answer]) -> None:
    """The sender may be dead, so nobody else would look at the outcome."""
    if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), NoAnswer):
        logging.getLogger(__name__).error("proxy: %r", task.exception())
