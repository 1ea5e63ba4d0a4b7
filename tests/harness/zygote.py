"""Starts operators in milliseconds: a process that has imported everything forks one whenever it is asked.

Importing takes the larger part of an operator's start. The crash matrix starts well over a hundred, so it
uses this; what runs after the fork is the same `trimtab run` with the same configuration file.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.harness.operator import ENVIRONMENT, Operator

READY = "ready\n"


@dataclass
class Forked:
    """A child of the zygote. Its exit code is not known here: 0 stands for ended."""

    pid: int

    def poll(self) -> int | None:
        return None if _is_alive(self.pid) else 0


@dataclass
class Zygote:
    """`with Zygote() as zygote:`; `start` may be called from several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Zygote:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.zygote"],
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == READY, "the zygote did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def start(self, operator: Operator) -> Operator:
        """Fork a process that runs this operator."""
        assert self._process.stdin is not None and self._process.stdout is not None
        wanted = {
            "config": str(operator.config),
            "kubeconfig": operator.environment["KUBECONFIG"],
            "log": str(operator.log),
        }
        with self._lock:
            self._process.stdin.write(json.dumps(wanted) + "\n")
            self._process.stdin.flush()
            pid = int(self._process.stdout.readline())
        return operator.adopt(Forked(pid))


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def _serve() -> None:
    _import_everything()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the children
    sys.stdout.write(READY)
    sys.stdout.flush()
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(wanted)
        print(pid, flush=True)


def _import_everything() -> None:
    """Also what is imported late: the client loads its models when they are first used."""
    import kopf  # noqa: F401
    from kubernetes.aio import client

    from trimtab.cli import app  # noqa: F401
    from trimtab.runtime import logs, process, settings  # noqa: F401

    for name in ("CoordinationV1Api", "V1Lease", "V1LeaseSpec", "V1ObjectMeta"):
        getattr(client, name)
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, all pages that the children share


def _become(wanted: dict[str, str]) -> None:
    """In the child: the operator, and nothing of the zygote."""
    from kubernetes.aio.config import kube_config

    from trimtab.cli.app import app

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    # The client read the variable when it was imported, which was in the zygote.
    os.environ["KUBECONFIG"] = kube_config.KUBE_CONFIG_DEFAULT_LOCATION = wanted["kubeconfig"]
    try:
        app(["run", "--config", wanted["config"]])
    finally:
        os._exit(1)


if __name__ == "__main__":
    _serve()
