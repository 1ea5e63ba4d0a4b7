"""A metrics page at every address of a block, for pods that KWOK plays: one server, a socket per address."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
import subprocess
from collections.abc import Iterator

from aiohttp import web
from tests.cluster import packages
from tests.harness.background import Background
from tests.harness.model_server import ModelServer

from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.serving import METRICS_PATH

# The half of the range for tests of networks (RFC 2544) that played pods of other tests do not use.
RANGE = "198.18"
BLOCKS = range(0, 256, 32)
SPARE_FILES = 1024
CLIENTS_PER_TICK, TICK_SECONDS = 5, 0.5


@contextlib.contextmanager
def answering_pods(background: Background, digest: str) -> Iterator[str]:
    """Yields the block: pods with an address in it show the counters of one server of this model.

    All of them count the same requests, so no candidate is worse than stable.
    """
    packages.ensure(("iproute2",))
    subprocess.run(["ip", "route", "replace", "local", f"{RANGE}.0.0/16", "dev", "lo"], check=True)
    block, sockets = _free_block()
    runner = background.call(_serve(sockets, digest))
    try:
        yield f"{RANGE}.{block}.0/19"
    finally:
        background.call(runner.cleanup())


def _free_block() -> tuple[int, list[socket.socket]]:
    """The first block in which nobody listens; another run may have one."""
    addresses = 32 * 256
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, addresses + SPARE_FILES), most))
    for block in BLOCKS:
        sockets = _listen(block)
        if sockets:
            return block, sockets
    raise OSError(errno.EADDRINUSE, f"every block of {RANGE}.0.0/16 is in use")


def _listen(block: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for third in range(block, block + 32):
        for fourth in range(256):
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                made.bind((f"{RANGE}.{third}.{fourth}", ServeModel("m", "").port))
            except OSError:
                for one in (made, *sockets):
                    one.close()
                return []
            made.listen(8)
            sockets.append(made)
    return sockets


async def _serve(sockets: list[socket.socket], digest: str) -> web.AppRunner:
    server = ModelServer(ServeModel("m", digest), "")

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=server.text())

    async def clients() -> None:
        while True:
            server.serve(CLIENTS_PER_TICK)
            await asyncio.sleep(TICK_SECONDS)

    app = web.Application()
    app.router.add_get(METRICS_PATH, page)
    asking = asyncio.create_task(clients())

    async def stop(_: web.Application) -> None:
        asking.cancel()

    app.on_cleanup.append(stop)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    for listening in sockets:
        await web.SockSite(runner, listening).start()
    return runner
