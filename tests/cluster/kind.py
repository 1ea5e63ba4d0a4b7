"""Provider `kind`: for machines with a Docker engine. Short: kind itself does the work."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import binaries, docker
from tests.cluster.cache import BUILD, CLONE, content_hash
from tests.cluster.containerd import Containerd
from tests.cluster.kubectl import Kubectl
from tests.cluster.oci_archive import ImageName
from tests.cluster.progress import CannotContinue, step

NODE_FOLDER = "/trimtab-images"


@dataclass(frozen=True)
class KindCluster:
    """One kind cluster per clone, named after its path."""

    state: Path = BUILD / "kind"

    @property
    def name(self) -> str:
        return f"trimtab-{content_hash((), str(CLONE))[:8]}"

    @property
    def node(self) -> str:
        return f"{self.name}-control-plane"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig)

    def up(self) -> Path:
        if not docker.answers():
            raise CannotContinue("provider kind needs a Docker engine, and none answers `docker version`.")
        self.state.mkdir(parents=True, exist_ok=True)
        with step(f"starting the kind cluster {self.name}", usual_seconds=60):
            if self.name not in _run(["kind", "get", "clusters"]).split():
                _run(self.create_command())
            _run(["kind", "export", "kubeconfig", "--name", self.name, "--kubeconfig", str(self.kubeconfig)])
        return self.kubeconfig

    def down(self) -> None:
        _run(["kind", "delete", "cluster", "--name", self.name])
        self.kubeconfig.unlink(missing_ok=True)

    def load_image(self, archive: Path) -> ImageName:
        inside = f"{NODE_FOLDER}/{archive.name}"
        _run(["docker", "exec", self.node, "mkdir", "-p", NODE_FOLDER])
        _run(["docker", "cp", str(archive), f"{self.node}:{inside}"])
        try:
            return Containerd(self.enter).load(archive, seen_as=inside)
        finally:
            _run(["docker", "exec", self.node, "rm", inside])

    def create_command(self) -> list[str]:
        image = f"kindest/node:{binaries.KUBERNETES.version}"
        command = ["kind", "create", "cluster", "--name", self.name, "--image", image]
        return [*command, "--kubeconfig", str(self.kubeconfig), "--wait", "120s"]

    def enter(self, *command: str | Path) -> list[str]:
        return ["docker", "exec", self.node, *map(str, command)]


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
