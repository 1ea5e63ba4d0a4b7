"""Opening files of a folder that others wrote."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from .contract.errors import ContractError, Reason


@contextmanager
def open_regular(path: Path, name: str) -> Iterator[BufferedReader]:
    """Open a regular file without following a link; O_NONBLOCK so that a pipe cannot hold us."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ContractError(
            Reason.RESULT_INVALID, name, f"is not a readable regular file ({error.strerror})"
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ContractError(Reason.RESULT_INVALID, name, "is not a regular file")
        yield file
