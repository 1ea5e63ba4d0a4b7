"""Runs the runtime's commands as their containers do: a process, an environment, a termination log."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from trimtab_runtime.__main__ import main
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import Config, format_config
from trimtab_runtime.contract.message import Failure, Message, parse_message


@dataclass(frozen=True)
class Ended:
    """A container that ended."""

    code: int
    text: str
    log: str

    @property
    def message(self) -> Message:
        return parse_message(self.text)

    @property
    def failure(self) -> Failure:
        message = self.message
        assert isinstance(message, Failure), f"{message}\n{self.log}"
        return message


def start(verb: str, config: Config | str, root: Path) -> subprocess.Popen[str]:
    """Start a container of ours with its root folder; `finish` waits for its end."""
    text = config if isinstance(config, str) else format_config(config)
    root.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {paths.CONFIG_ENV: text, paths.ROOT_ENV: str(root)}
    command = [sys.executable, "-m", "trimtab_runtime", verb, "--termination-log", str(root / "termination")]
    (root / "termination").unlink(missing_ok=True)
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], root: Path) -> Ended:
    """Wait for the end of a started container."""
    _, log = process.communicate(timeout=120)
    written = root / "termination"
    return Ended(process.returncode, written.read_text() if written.exists() else "", log)


def run(verb: str, config: Config | str, root: Path) -> Ended:
    """Start and wait."""
    return finish(start(verb, config, root), root)


def run_here(verb: str, config: Config, root: Path) -> Ended:
    """The same in this process, for tables of many cases: no start-up, and no log."""
    root.mkdir(parents=True, exist_ok=True)
    written = root / "termination"
    written.unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.CONFIG_ENV, format_config(config))
        patch.setenv(paths.ROOT_ENV, str(root))
        code = main([verb, "--termination-log", str(written)])
    return Ended(code, written.read_text() if written.exists() else "", "")


def train(root: Path, how: str = "rows") -> Ended:
    """The container `train`, with the training program of these tests."""
    program = Path(__file__).with_name("train.py")
    environment = os.environ | {paths.ROOT_ENV: str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(program), how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return Ended(done.returncode, "", done.stderr)
