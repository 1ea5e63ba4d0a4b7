"""Ports of loopback for servers that tests start."""

from __future__ import annotations

import fcntl
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

PORTS = range(20_000, 32_000)  # below those that the kernel gives to outgoing connections
_reserved: list[IO[str]] = []


def free_ports(count: int) -> list[int]:
    """Ports nothing listens on, given to nobody else as long as this process lives.

    A server binds its port long after the choice, so looking whether it is free is not enough.
    """
    found: list[int] = []
    # Not `random.sample` itself: hypothesis seeds it alike in all workers while an example runs.
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        if _reserve(port):
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"no {count} free ports in {PORTS}")


def free_port() -> int:
    (port,) = free_ports(1)
    return port


def _reserve(port: int) -> bool:
    folder = Path(tempfile.gettempdir(), "trimtab-ports")
    folder.mkdir(exist_ok=True)
    lock = (folder / str(port)).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_unbound(port):
            _reserved.append(lock)  # the kernel releases it with the process
            return True
    except BlockingIOError:
        pass  # another process has it
    lock.close()
    return False


def _is_unbound(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
