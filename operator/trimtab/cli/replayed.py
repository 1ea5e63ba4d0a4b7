"""`trimtab replay`: its result on standard output."""

from __future__ import annotations

import json
import sys

from rich.console import Console

from trimtab.replay.document import document
from trimtab.replay.page import page
from trimtab.replay.printed import show
from trimtab.replay.roles import Roles
from trimtab.replay.run import Asked, replay

__all__ = ["Asked", "Roles", "write"]


def write(asked: Asked, output: str) -> None:
    """`output`: table, json or html. Raises CannotReplay."""
    done = replay(asked)
    match output:
        case "json":
            json.dump(document(done), sys.stdout, indent=1, allow_nan=False)
            sys.stdout.write("\n")
        case "html":
            sys.stdout.write(page(done))
        case _:
            show(Console(highlight=False), done)
