"""Shell blocks of the README, run as they are written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.cache import CLONE
from tests.e2e.world import World
from tests.unit.docs.pages import marked

SECONDS = 900


def run_block(
    name: str,
    world: World,
    *,
    settings: Mapping[str, str] | None = None,
    replace: Mapping[str, str] | None = None,
) -> str:
    """Run the block marked `run: name` on the world's cluster; fails with its output, else returns it."""
    script = marked("run", name)
    for written, ours in (replace or {}).items():
        script = script.replace(written, ours)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=CLONE,
        env={**os.environ, **_tools(world), **(settings or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def _tools(world: World) -> Mapping[str, str]:
    tools = (
        binaries.ensure(binaries.KUBERNETES),
        binaries.ensure(binaries.HELM),
        Path(sys.executable).parent,
    )
    return {
        "KUBECONFIG": str(world.kubectl.kubeconfig),
        "PATH": os.pathsep.join([*map(str, tools), os.environ["PATH"]]),
    }
