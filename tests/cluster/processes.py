"""Daemons that outlive the command that started them, ended only after a check that it is still them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    # kubelet and the OCI tools ask the cloud's metadata address otherwise.
    "AWS_EC2_METADATA_DISABLED": "true",
}
POLL_SECONDS = 0.05


class StartFailed(RuntimeError):
    """A daemon ended, or did not answer in time; the message carries the end of its log."""


@dataclass(frozen=True)
class Daemon:
    """One background process: `run/<name>.pid` remembers it, `log/<name>.log` is its output."""

    name: str
    state: Path

    @property
    def record(self) -> Path:
        return self.state / "run" / f"{self.name}.pid"

    @property
    def log(self) -> Path:
        return self.state / "log" / f"{self.name}.log"

    def start(self, command: Sequence[str | Path]) -> int:
        """Start unless it runs already. Returns the pid."""
        running = self.pid()
        if running is not None:
            return running
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                env=CLEAN_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = _start_ticks(process.pid)
        self.record.write_text(json.dumps({"pid": process.pid, "startTicks": started}))
        return process.pid

    def pid(self) -> int | None:
        """The pid while the recorded process lives: same pid *and* same start time, so never a stranger."""
        try:
            record = json.loads(self.record.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        pid = int(record["pid"])
        _reap(pid)
        started = _start_ticks(pid)
        if started is None:
            _reap(pid)  # it may have ended between the two
        return pid if started is not None and started == record["startTicks"] else None

    def stop(self, grace_seconds: float = 5.0) -> None:
        """End it: SIGTERM, after the grace period SIGKILL. Returns when it is gone."""
        pid = self.pid()
        if pid is not None:
            _signal(pid, signal.SIGTERM if grace_seconds else signal.SIGKILL)
            if not _true_within(lambda: self.pid() is None, grace_seconds):
                _signal(pid, signal.SIGKILL)
                wait_until(lambda: self.pid() is None, 10, f"{self.name} to end")
        self.record.unlink(missing_ok=True)

    def log_tail(self, lines: int = 12) -> str:
        if not self.log.is_file():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def await_answer(self, answers: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until `answers()`; raises StartFailed once the process has ended or the time is up."""
        deadline = time.monotonic() + timeout_seconds
        while not answers():
            ended = self.pid() is None
            if ended or time.monotonic() > deadline:
                fate = "ended" if ended else f"does not answer after {timeout_seconds:.0f} s"
                raise StartFailed(f"{self.name} {fate}; end of {self.log}:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)


def _reap(pid: int) -> None:
    """Take a child that has ended off the list of processes."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def command_lines() -> Iterator[tuple[int, list[str]]]:
    """(pid, words) of every process of the machine that has a command line."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text:
            yield int(process.name), text.rstrip("\0").split("\0")


def wait_until(condition: Callable[[], bool], timeout_seconds: float, what: str) -> None:
    if not _true_within(condition, timeout_seconds):
        raise TimeoutError(f"waited {timeout_seconds:.0f} s for {what}")


def _true_within(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _start_ticks(pid: int) -> int | None:
    """Clock ticks after boot at which the process started; None when it is gone or only a zombie."""
    try:
        # The command name in parentheses may hold spaces; the fields after it may not.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(fields[18])
