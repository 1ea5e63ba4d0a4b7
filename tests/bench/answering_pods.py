"""A metrics page at every address of a block, for pods that KWOK plays: one server, a socket per address."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Network

from aiohttp import web
from tests.cluster import packages
from tests.harness.background import Background
from tests.harness.model_server import ModelServer

from trimtab_runtime.contract.config import ServeModel
from trimtab_runtime.contract.serving import METRICS_PATH

# The half of the range for tests of networks (RFC 2544) that played pods of other tests do not use.
RANGE = "198.18.0.0/16"
CLIENTS_PER_TICK, TICK_SECONDS = 5, 0.5


@contextlib.contextmanager
def answering_pods(background: Background, digest: str, addresses: int) -> Iterator[str]:
    """Yields a block of at least so many addresses: pods with one of them show the counters of one server.

    All of them count the same requests, so no candidate is worse than stable. ``digest``: of the model.
    """
    packages.ensure(("iproute2",))
    subprocess.run(["ip", "route", "replace", "local", RANGE, "dev", "lo"], check=True)
    block, sockets = _free_block(32 - max(addresses - 1, 1).bit_length())
    runner = background.call(_serve(sockets, digest))
    try:
        yield str(block)
    finally:
        background.call(runner.cleanup())


def _free_block(prefix: int) -> tuple[IPv4Network, list[socket.socket]]:
    """The first block in which nobody listens; another run may have one."""
    # A socket for each address, and one for each connection to it: who scrapes them keeps theirs.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for block in IPv4Network(RANGE).subnets(new_prefix=prefix):
        sockets = _listen(block)
        if sockets:
            return block, sockets
    raise OSError(errno.EADDRINUSE, f"every block of {RANGE} is in use")


def _listen(block: IPv4Network) -> list[socket.socket]:
    """One socket for each address; none at all if one of them is taken."""
    sockets: list[socket.socket] = []
    for address in block:
        sockets.append(socket.socket())
        sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sockets[-1].bind((str(address), ServeModel("m", "").port))
        except OSError as error:
            for one in sockets:
                one.close()
            if error.errno != errno.EADDRINUSE:
                raise
            return []
        sockets[-1].listen(8)
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
