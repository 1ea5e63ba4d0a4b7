"""What a played pod may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_runtime.contract.errors import Reason, exit_code
from trimtab_runtime.contract.message import Failure, format_message


@dataclass(frozen=True)
class Succeed:
    """The pod does what it should. `metrics` are a trial's; `message` replaces what publish would write.

    publish: whether the model is pushed; False with a message of one's own plays a container that lies.
    """

    metrics: Mapping[str, float] | None = None
    message: str | None = None
    publish: bool = True


@dataclass(frozen=True)
class Fail:
    """The pod's `container` ends with an exit code; the ones before it went well."""

    container: str = "train"
    exit_code: int = 1
    message: str = ""
    reason: str = "Error"


@dataclass(frozen=True)
class Stuck:
    """`container` never starts: it waits with a reason such as ImagePullBackOff."""

    container: str = "train"
    reason: str = "ImagePullBackOff"


@dataclass(frozen=True)
class Run:
    """`container` runs and does not end, until the test gives the Job another play. A server is not ready."""

    container: str = "train"


@dataclass(frozen=True)
class Serve:
    """A model server is ready, and serves until its pod is deleted."""


Play = Succeed | Fail | Stuck | Run


def failing(container: str, reason: Reason, where: str, message: str) -> Fail:
    """One of our own containers that reports a failure as the contract has it."""
    text = format_message(Failure(1, reason, where, message)).decode()
    return Fail(container, exit_code(reason), text)
