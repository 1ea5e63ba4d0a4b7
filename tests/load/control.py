"""Steer a running generator from another process: one JSON object per line on a Unix socket, each answered.

A Unix socket, because the generator may run in another network namespace than the one who steers it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.load.generator import Generator
from tests.load.rows import Input, read_pool

MAX_ANSWER_BYTES = 1 << 20


class ControlServer:
    """Carries out `{"do": "pool", "path": ...}`, `{"do": "mark", "name": ...}`, and `summary` and `stop`.

    The answer is `{"ok": ...}` or `{"error": text}`.
    """

    def __init__(self, generator: Generator, inputs: Sequence[Input], label: str) -> None:
        self._generator = generator
        self._inputs = inputs
        self._label = label

    async def serve(self, path: Path) -> asyncio.Server:
        """Listen; the caller closes the server. asyncio replaces a stale socket of an earlier run."""
        return await asyncio.start_unix_server(self._converse, path)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # At the end of the run asyncio cancels what still listens, and would print that.
        with contextlib.suppress(asyncio.CancelledError), contextlib.closing(writer):
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return {"ok": await self._carry_out(json.loads(line))}
        except (ValueError, LookupError, TypeError, OSError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    async def _carry_out(self, command: dict[str, Any]) -> Any:
        match command["do"]:
            case "pool":
                path = Path(command["path"])
                # In a thread: reading a large pool must not hold up arrivals.
                pool = await asyncio.to_thread(read_pool, path, self._inputs, self._label)
                self._generator.switch(pool)
            case "mark":
                self._generator.mark(str(command["name"]))
            case "summary":
                return self._generator.summary()
            case "stop":
                self._generator.stop()
            case unknown:
                raise ValueError(f"cannot do {unknown!r}: pool, mark, summary or stop")
        return None


class Control:
    """The other end of a ControlServer; a context manager. RuntimeError carries the generator's refusal."""

    def __init__(self, path: Path, timeout_seconds: float = 30.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_seconds)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("r", encoding="utf-8")

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def switch(self, pool: Path) -> None:
        """Draw the next rows from the CSV at this path."""
        self._ask({"do": "pool", "path": str(pool)})

    def mark(self, name: str) -> None:
        """Begin a new phase."""
        self._ask({"do": "mark", "name": name})

    def summary(self) -> dict[str, Any]:
        """The numbers so far."""
        summary: dict[str, Any] = self._ask({"do": "summary"})
        return summary

    def stop(self) -> None:
        """Send nothing new; the process ends when the last answers and labels are through."""
        self._ask({"do": "stop"})

    def _ask(self, command: dict[str, Any]) -> Any:
        self._socket.sendall(json.dumps(command).encode() + b"\n")
        line = self._lines.readline()
        if not line:
            raise RuntimeError("the load generator has gone")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["ok"]
