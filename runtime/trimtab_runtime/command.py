"""One shell around every command: configuration in, termination message and exit code out."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from .contract import paths
from .contract.config import Config, FetchModel, ServeModel, parse_config
from .contract.errors import EXIT_OK, ContractError, Reason, exit_code
from .contract.message import Failure, Message, format_message

log = logging.getLogger(__name__)

# A command does its work and returns the message of its success, if it has one.
Command = Callable[[Config], Message | None]


class Terminated(BaseException):
    """SIGTERM: the deadline of the Job, an eviction or a deletion. No `except Exception` may swallow it."""


def run(command: Command, config_path: Path | None, termination_log: Path) -> int:
    """Run a command and return the exit code: 0, 42 for a fault that would come again, 1 otherwise.

    Success and failure both leave a message in the termination log; a bug leaves InternalError there and its
    traceback in the container's log.
    """
    signal.signal(signal.SIGTERM, _terminate)
    attempt = 0
    try:
        config = read_config(config_path)
        attempt = _attempt_of(config)
        message = command(config)
    except ContractError as error:
        return _fail(Failure(attempt, error.reason, error.field, error.message), termination_log)
    except Terminated:
        text = "stopped before it was done: the deadline passed, or the pod was evicted or deleted"
        return _fail(Failure(attempt, Reason.INTERRUPTED, "", text), termination_log)
    except Exception as error:
        log.exception("this is a bug of the runtime, or the node is failing")
        text = f"{type(error).__name__}; the container's log has the traceback"
        return _fail(Failure(attempt, Reason.INTERNAL_ERROR, "", text), termination_log)
    if message is not None:
        _write(termination_log, format_message(message))
    return EXIT_OK


def read_config(path: Path | None) -> Config:
    """The configuration from a file, or from the environment variable the operator sets."""
    if path is not None:
        return parse_config(path.read_bytes())
    text = os.environ.get(paths.CONFIG_ENV)
    if text is None:
        raise ContractError(Reason.CONFIG_INVALID, paths.CONFIG_ENV, "is not set")
    return parse_config(text)


def _attempt_of(config: Config) -> int:
    if isinstance(config, FetchModel | ServeModel):
        return 0  # a serving pod has no attempts
    return config.trial.attempt if hasattr(config, "trial") else config.attempt


def _fail(failure: Failure, termination_log: Path) -> int:
    log.error("%s: %s: %s", failure.reason, failure.field, failure.message)
    _write(termination_log, format_message(failure))
    return exit_code(failure.reason)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        # Outside a pod there is no termination log; the message then goes where a person sees it.
        log.warning("%s cannot be written (%s)", path, error.strerror)
        sys.stdout.write(data.decode() + "\n")


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise Terminated
