"""Trying again while a registry is away, until a deadline."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .oci.errors import RegistryError, Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 20.0


@dataclass(frozen=True)
class Patience:
    """Repeats an operation that fails with one of `errors` until `deadline` (monotonic seconds).

    Waits double from 0.5 s to 20 s, with jitter, so that pods waiting for one registry do not return at once.
    The last error is raised when the next try would start after the deadline.
    """

    deadline: float
    errors: tuple[type[RegistryError], ...] = (Unavailable,)

    @classmethod
    def of(cls, seconds: float, *errors: type[RegistryError]) -> Patience:
        return cls(time.monotonic() + seconds, errors or (Unavailable,))

    def call(self, operation: Callable[[], T]) -> T:
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return operation()
            except self.errors as error:
                pause = wait * random.uniform(0.5, 1.0)
                if time.monotonic() + pause > self.deadline:
                    raise
                log.warning("%s; trying again in %.1f s", error, pause)
                time.sleep(pause)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
