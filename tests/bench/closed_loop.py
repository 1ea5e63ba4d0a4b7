"""Requests per second of a server: connections kept alive, each sends again when it has its answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop


class _Client(asyncio.Protocol):
    """One connection. Reads no more of an answer than its status and its length."""

    def __init__(self, requests: Sequence[bytes], done: asyncio.Future[None]) -> None:
        self._requests = cycle(requests)
        self._done = done
        self._received = b""
        self.answers = 0
        self.is_stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._done.set_exception(AssertionError(self._received[:500]))
            return
        self._received = b""
        self.answers += 1
        if self.is_stopping:
            self._transport.close()
        else:
            self._transport.write(next(self._requests))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done.done():
            return
        if self.is_stopping and exc is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(exc or ConnectionError("closed by the server"))


def answers_in(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> tuple[int, float]:
    """Answers, and the seconds they took, of a closed loop over loopback; raises for any answer but 200."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(port, requests, connections, seconds))


async def _measure(
    port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> tuple[int, float]:
    loop = asyncio.get_running_loop()
    ends = [loop.create_future() for _ in range(connections)]
    clients = [_Client(requests[start:] or requests, end) for start, end in enumerate(ends)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
    began = time.perf_counter()
    await asyncio.wait(ends, timeout=seconds)
    for client in clients:
        client.is_stopping = True
    await asyncio.gather(*ends)
    return sum(client.answers for client in clients), time.perf_counter() - began


def post(path: str, body: bytes) -> bytes:
    """The bytes of one request."""
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all threads, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def resident_mebibytes(pid: int) -> float:
    """Resident memory of a process now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("no VmRSS")
