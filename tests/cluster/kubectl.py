"""kubectl of the built version, and the few things all tests do with it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import binaries
from tests.cluster.cache import CLONE


class KubectlFailed(RuntimeError):
    """kubectl's own message."""


@dataclass(frozen=True)
class Kubectl:
    kubeconfig: Path

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run and return what it printed; raises KubectlFailed with its message."""
        binary = binaries.ensure(binaries.KUBERNETES) / "kubectl"
        command = [str(word) for word in (binary, "--kubeconfig", self.kubeconfig, *arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))

    def apply(self, *documents: Mapping[str, Any], namespace: str | None = None) -> None:
        where = () if namespace is None else ("--namespace", namespace)
        items = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        self("apply", "--server-side", "--force-conflicts", *where, "-f", "-", stdin=json.dumps(items))

    def apply_crds(self, folder: Path = CLONE / "crds") -> Sequence[Path]:
        """Apply `crds/*.yaml` and wait until the server serves them. Returns the files."""
        files = sorted(folder.glob("*.yaml"))
        if files:
            self("apply", "--server-side", *(word for file in files for word in ("-f", file)))
            names = [word for file in files for word in ("-f", file)]
            self("wait", "--for=condition=Established", "--timeout=30s", *names)
        return files
