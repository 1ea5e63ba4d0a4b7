"""What the Makefile's targets do: `python3 -m tests.run TARGET`. Needs only the standard library.

Each target first makes the Python environment. `test` runs its parts in order while the cluster's programs
are built beside them, goes on after a failing part, and ends with a table of parts and times.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests import environment
from tests.cluster import binaries
from tests.cluster.cache import BUILD, CLONE
from tests.cluster.processes import wait_until
from tests.cluster.progress import CannotContinue, duration, say

LOG = BUILD / "log"
BUILD_TIMEOUT_SECONDS = 3600.0
Command = Sequence[str]


@dataclass(frozen=True)
class TestPart:
    """A folder of tests and the programs it needs."""

    folder: str
    options: tuple[str, ...]
    needed: tuple[binaries.ProgramSet, ...]

    def programs_are_built(self) -> bool:
        return all(programs.is_built() for programs in self.needed)

    def await_programs(self, builder: subprocess.Popen[bytes]) -> bool:
        """Until they are built, or the builder has ended without them (it has said why)."""
        wait_until(
            lambda: self.programs_are_built() or builder.poll() is not None,
            BUILD_TIMEOUT_SECONDS,
            f"the programs of {self.folder}",
        )
        return self.programs_are_built()


TWO_WORKERS = ("-n", "2")
# Here a file stays with one worker, so that what its tests share is made once.
TWO_WORKERS_BY_FILE = (*TWO_WORKERS, "--dist", "loadfile")
# A matrix runs two cases at a time by itself, on one control plane, and prints its counts.
MATRIX = ("-s",)
TEST_PARTS = (
    TestPart("tests/simulations", TWO_WORKERS, ()),
    TestPart("tests/runtime", TWO_WORKERS_BY_FILE, (binaries.REGISTRY,)),
    TestPart("tests/apiserver", TWO_WORKERS, (binaries.KUBERNETES, binaries.REGISTRY)),
    TestPart("tests/faults", MATRIX, (binaries.KUBERNETES, binaries.REGISTRY)),
    TestPart("tests/soak", ("-s",), (binaries.KUBERNETES, binaries.REGISTRY, binaries.KWOK)),
    TestPart("tests/chart", (), (binaries.HELM, binaries.KUBERNETES)),
    TestPart("tests/e2e", ("--durations=10",), binaries.NEEDED_BY_TESTS),
)


@dataclass
class Parts:
    """Runs named parts one after the other and remembers how each ended."""

    rows: list[tuple[str, str, float]] = field(default_factory=list)

    def run(self, name: str, act: Callable[[], bool]) -> None:
        say(f"=== {name}")
        started = time.monotonic()
        result = "interrupted"
        try:
            result = "passed" if act() else "FAILED"
        except (CannotContinue, TimeoutError) as reason:
            say(f"cannot continue: {reason}")
            result = "FAILED"
        finally:
            self.rows.append((name, result, time.monotonic() - started))

    @property
    def all_passed(self) -> bool:
        return all(result == "passed" for _, result, _ in self.rows)

    def table(self) -> str:
        width = max((len(name) for name, _, _ in self.rows), default=4)
        lines = [f"{name:<{width}}  {result:<11}  {duration(seconds)}" for name, result, seconds in self.rows]
        return "\n".join([f"{'part':<{width}}  {'result':<11}  time", *lines])


def check() -> bool:
    """Everything that needs no cluster, in two lanes of about equal length. Both run to their end."""
    python = str(environment.ensure())
    linters: list[Command] = [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["lint-imports"],
        ["mypy"],
        *generated_file_checks(),
    ]
    lint = [str(Path(python).with_name(command[0])) for command in linters]
    commands = [[tool, *command[1:]] for tool, command in zip(lint, linters, strict=True)]
    with _beside(commands, LOG / "lint.log") as lane:
        units = _ok([python, "-m", "pytest", "-q", *TWO_WORKERS_BY_FILE, "tests/unit"])
        linted = lane.wait() == 0
    if not linted:
        print((LOG / "lint.log").read_text(), end="", flush=True)
    say(f"lint, types, layers, generated files: {'passed' if linted else 'FAILED'}")
    return units and linted


def generated_file_checks() -> list[Command]:
    folders = {"crds": "crds", "chart": "charts/trimtab/generated", "reference": "docs/reference"}
    return [["trimtab", what, "--check"] for what, folder in folders.items() if (CLONE / folder).is_dir()]


def test() -> bool:
    _require_what_cannot_be_installed()
    parts = Parts()
    started = time.monotonic()
    try:
        python = str(environment.ensure())
        with _programs_built_beside() as programs:
            _run_parts(parts, python, programs)
    finally:
        print(f"\n{parts.table()}\ntotal {duration(time.monotonic() - started)}", flush=True)
    return parts.all_passed


def _run_parts(parts: Parts, python: str, builder: subprocess.Popen[bytes]) -> None:
    """Images first: they need no program, so the wait for the first build is used."""
    parts.run("check", check)
    parts.run("images", lambda: _ok([python, "-m", "tests.cluster", "images"]))
    for part in TEST_PARTS:
        if (CLONE / part.folder).is_dir():
            if not part.programs_are_built():
                parts.run(f"wait: programs for {part.folder}", partial(part.await_programs, builder))
            parts.run(part.folder, partial(_ok, [python, "-m", "pytest", "-q", *part.options, part.folder]))


def _require_what_cannot_be_installed() -> None:
    """Say at once what would be missed only after half an hour."""
    if not all(needed.is_built() for needed in binaries.NEEDED_BY_TESTS):
        binaries.require_go(binaries.KUBERNETES.source)
    from tests.cluster import provider

    if provider.default_name() == "local" and not os.environ.get("TRIMTAB_CLUSTER"):
        from tests.cluster.local import require_root_on_linux

        require_root_on_linux()


@contextlib.contextmanager
def _programs_built_beside() -> Iterator[subprocess.Popen[bytes]]:
    """Build missing programs in the background, at a lower priority than the tests in front."""
    command = ["nice", sys.executable, "-m", "tests.cluster", "programs"]
    # A session of its own, so that an interrupt reaches the compilers through us and none is left over.
    process = subprocess.Popen(command, cwd=CLONE, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


@contextlib.contextmanager
def _beside(commands: Sequence[Command], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run commands one after the other in the background; all of them, whatever fails; output to `log`."""
    script = "\n".join(
        ["rc=0", *(f'echo "$ {" ".join(c)}"; {" ".join(c)} || rc=1' for c in commands), "exit $rc"]
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(["sh", "-c", script], cwd=CLONE, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _ok(command: Command) -> bool:
    """Run it. An interrupt reaches it too, and it gets the time to end what it started."""
    process = subprocess.Popen(command, cwd=CLONE)
    try:
        return process.wait() == 0
    except KeyboardInterrupt:
        say("interrupted: waiting for what runs to clean up (interrupt again to leave at once)")
        process.wait()
        raise


def _module(*words: str) -> Callable[[], bool]:
    return lambda: _ok([str(environment.ensure()), "-m", *words])


def _demo() -> bool:
    """The driver is part of the example, whose package lies in `examples`. SEED is its option."""
    python = environment.ensure()
    search = os.pathsep.join((str(CLONE), str(CLONE / "examples")))
    command = [str(python), "-m", "flights.demo", "--seed", os.environ.get("SEED") or "0"]
    return subprocess.run(command, cwd=CLONE, env={**os.environ, "PYTHONPATH": search}).returncode == 0


TARGETS: dict[str, Callable[[], bool]] = {
    "environment": lambda: environment.ensure().exists(),
    "check": check,
    "test": test,
    "cluster": _module("tests.cluster", "up"),
    "cluster-down": _module("tests.cluster", "down"),
    "images": _module("tests.cluster", "images"),
    "lock": _module("tests.cluster.locks"),
    "manifests": _module("tests.cluster.manifests"),
    "faults": _module("pytest", "-q", *MATRIX, "--every", "1", "tests/faults"),
    "demo": _demo,
    "bench": _module("tests.bench"),
    "bench-soak": _module("tests.bench.soak"),
    "simulations": _module("tests.simulations"),
}


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0] not in TARGETS:
        print(f"usage: python3 -m tests.run {'|'.join(TARGETS)}", file=sys.stderr)
        return 2
    try:
        return 0 if TARGETS[words[0]]() else 1
    except CannotContinue as reason:
        print(f"cannot continue: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
