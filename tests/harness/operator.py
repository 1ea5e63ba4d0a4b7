"""The operator as a process of its own, as it runs in its pod: a configuration file and a kubeconfig."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from tests.cluster.ports import free_port
from tests.harness.api import wait_until
from tests.registry import LocalRegistry

READY_SECONDS = 30.0
EXIT_SECONDS = 20.0
# numpy's thread pool is of no use here and costs start-up time on a small machine.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Process(Protocol):
    """What `Operator` needs of a process, started directly or forked by a zygote."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code once it has ended."""


def configuration(namespace: str, registry: LocalRegistry, **changes: Any) -> dict[str, Any]:
    """A complete configuration for one namespace; `changes` are fields of it by their YAML names."""
    return {
        "namespaces": [namespace],
        "leaseNamespace": namespace,
        "runtimeImage": "registry.example/trimtab-runtime@sha256:" + "e" * 64,
        "registry": {
            "host": registry.host,
            "plainHTTP": True,
            "credentialsFile": str(registry.credentials),
            "readSecret": "registry-read",
            "pushSecret": "registry-push",
        },
        "probeHost": "127.0.0.1",
        "probePort": free_port(),
        **changes,
    }


class Operator:
    """One run of the operator. Its folder gets `config.yaml` and `operator.log`."""

    def __init__(self, folder: Path, configuration: Mapping[str, Any], kubeconfig: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "operator.log"
        self.config = folder / "config.yaml"
        self.config.write_text(json.dumps(configuration))
        self.environment = os.environ | ENVIRONMENT | {"KUBECONFIG": str(kubeconfig)}
        self.url = f"http://{configuration['probeHost']}:{configuration['probePort']}"
        self._process: Process | None = None

    def start(self) -> Operator:
        """Start `trimtab run`; returns at once."""
        command = [sys.executable, "-m", "trimtab", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def adopt(self, process: Process) -> Operator:
        """Take over a process that somebody else started with our configuration, environment and log."""
        self._process = process
        return self

    @property
    def process(self) -> Process:
        assert self._process is not None, "the operator was not started"
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_ready(self, seconds: float = READY_SECONDS) -> Operator:
        """Until /readyz answers 200; fails at once when the process ends."""
        deadline = time.monotonic() + seconds
        while self.probe("/readyz") != 200:
            if not self.is_running or time.monotonic() > deadline:
                raise AssertionError(f"the operator is not ready; its log ends:\n{self.log_tail()}")
            time.sleep(0.05)
        return self

    def wait_leading(self) -> Operator:
        """Until it is the leader and has seen every object."""
        wait_until(lambda: "\ntrimtab_leader 1.0" in self.page("/metrics"), "the operator to lead")
        return self.wait_ready()

    def probe(self, path: str) -> int:
        """The status code of a GET; 0 when nothing answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=2) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def page(self, path: str) -> str:
        """The text of a GET; empty when nothing answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def kill(self) -> None:
        """SIGKILL: no code of ours runs any more when this returns, as after a node's power cut."""
        self._signal(signal.SIGKILL)
        self.wait_ended()

    def terminate(self) -> int:
        """SIGTERM; returns the exit code."""
        self._signal(signal.SIGTERM)
        return self.wait_ended()

    def wait_ended(self, seconds: float = EXIT_SECONDS) -> int:
        deadline = time.monotonic() + seconds
        while (code := self.process.poll()) is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"the operator does not end; its log ends:\n{self.log_tail()}")
            time.sleep(0.01)
        return code

    def stop(self) -> None:
        """End it at the end of a test, whatever state it is in."""
        if self.is_running:
            self.kill()

    def logs(self) -> list[dict[str, Any]]:
        """Its lines; each must be JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def log_tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
