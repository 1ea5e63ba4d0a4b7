"""A small real model server on loopback, which fails on demand, for the tests of the load generator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from aiohttp import web

Fault = Literal["none", "500", "drop", "silence", "garbage"]


class ModelServer:
    """Answers Open Inference Protocol requests for any model; `plan` maps the n-th request to a fault."""

    def __init__(
        self, plan: dict[int, Fault] | None = None, delay_seconds: float = 0.0, feedback_status: int = 202
    ) -> None:
        self.plan = plan or {}
        self.delay_seconds = delay_seconds
        self.feedback_status = feedback_status
        self.feedback_delay_seconds = 0.0
        self.requests: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []
        self.connections: set[int] = set()
        self.url = ""
        self._released = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ModelServer]:
        """Serve on a free port of loopback."""
        app = web.Application()
        app.router.add_post("/v2/models/{model}/infer", self._infer)
        app.router.add_get("/v2/models/{model}", self._metadata)
        app.router.add_post("/feedback", self._feedback)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            self._released.set()
            await runner.cleanup()

    async def _infer(self, request: web.Request) -> web.StreamResponse:
        number = len(self.requests)
        self.requests.append(await request.json())
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername")[1])
        await asyncio.sleep(self.delay_seconds)
        match self.plan.get(number, "none"):
            case "500":
                return web.Response(status=500, text="broken on demand")
            case "drop":
                request.transport.abort()
            case "silence":
                await self._released.wait()
            case "garbage":
                return web.Response(text="<html>")
        return web.json_response(_answer(request.match_info["model"], number))

    async def _metadata(self, request: web.Request) -> web.Response:
        inputs = [{"name": "temp", "datatype": "FP64"}, {"name": "carrier", "datatype": "BYTES"}]
        return web.json_response({"name": request.match_info["model"], "inputs": inputs})

    async def _feedback(self, request: web.Request) -> web.Response:
        items: Sequence[dict[str, Any]] = await request.json()
        known = {one["token"] for one in self.labels}
        rejected = [
            {"index": place, "reason": "duplicate"}
            for place, item in enumerate(items)
            if item["token"] in known
        ]
        self.labels.extend(items)
        await asyncio.sleep(self.feedback_delay_seconds)
        return web.json_response(
            {"accepted": len(items) - len(rejected), "rejected": rejected}, status=self.feedback_status
        )


def _answer(model: str, number: int) -> dict[str, Any]:
    return {
        "model_name": model,
        "model_version": "v1",
        "outputs": [{"name": "late", "datatype": "FP64", "shape": [1], "data": [0.25]}],
        "parameters": {"trimtab_tokens": [f"token-{number}"]},
    }
