"""Whether a Docker engine can be used."""

from __future__ import annotations

import shutil
import subprocess


def answers() -> bool:
    """A client on PATH is not enough: the engine must answer."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked = [docker, "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(asked, capture_output=True).returncode == 0
