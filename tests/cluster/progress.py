"""What is being done, since when, and how long it usually takes."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

STARTED = time.monotonic()
HEARTBEAT_SECONDS = 60.0


class CannotContinue(SystemExit):
    """Something this module needs and cannot install; the message names it and the remedy."""


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 07 s`: short enough for a table, exact enough to compare runs."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def say(text: str) -> None:
    """One line on stderr (stdout belongs to answers such as a kubeconfig path), after the elapsed time."""
    minutes, seconds = divmod(int(time.monotonic() - STARTED), 60)
    print(f"[{minutes:3d}:{seconds:02d}] {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(name: str, usual_seconds: float | None = None) -> Iterator[None]:
    """Announce a part, say every minute that it still runs, and how long it took."""
    started = time.monotonic()
    say(f"{name} ..." if usual_seconds is None else f"{name} (usually about {duration(usual_seconds)}) ...")
    ended = threading.Event()

    def heartbeat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            say(f"{name}: {duration(time.monotonic() - started)} so far")

    threading.Thread(target=heartbeat, daemon=True).start()
    try:
        yield
    except BaseException:
        say(f"{name}: FAILED after {duration(time.monotonic() - started)}")
        raise
    finally:
        ended.set()
    say(f"{name}: {duration(time.monotonic() - started)}")
