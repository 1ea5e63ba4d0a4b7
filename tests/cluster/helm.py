"""helm of the built version."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.cache import BUILD, CLONE

CHART = CLONE / "charts" / "trimtab"
# helm built as a library knows no Kubernetes version to render for unless it asks a server.
RENDERED_FOR = "1.35.4"


class HelmFailed(RuntimeError):
    """helm's own message."""


@dataclass(frozen=True)
class Helm:
    kubeconfig: Path | None = None

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run and return what it printed; raises HelmFailed with its message."""
        program = binaries.ensure(binaries.HELM) / "helm"
        server = () if self.kubeconfig is None else ("--kubeconfig", self.kubeconfig)
        command = [str(word) for word in (program, *server, *arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=_environment())
        if done.returncode:
            raise HelmFailed(f"helm {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout


def _environment() -> dict[str, str]:
    """The user's plugins, repositories and defaults do not change what is tested."""
    folders = {
        f"HELM_{what}_HOME": str(BUILD / "helm" / what.lower()) for what in ("CACHE", "CONFIG", "DATA")
    }
    return {key: value for key, value in os.environ.items() if not key.startswith("HELM_")} | folders
