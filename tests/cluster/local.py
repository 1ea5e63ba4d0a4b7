"""Provider `local`: one boxed node from plain processes. Needs root on Linux, no container engine."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import binaries, packages, pause_program
from tests.cluster.addresses import Addresses
from tests.cluster.box import Box
from tests.cluster.cache import BUILD, exclusive
from tests.cluster.containerd import Containerd
from tests.cluster.kubectl import Kubectl
from tests.cluster.node import Node
from tests.cluster.node_files import NodeFiles
from tests.cluster.oci_archive import ImageName
from tests.cluster.processes import wait_until
from tests.cluster.progress import CannotContinue, step


@dataclass(frozen=True)
class LocalCluster:
    """`state` holds everything of it; with another folder it is another cluster, side by side."""

    state: Path = BUILD / "cluster"
    audit: bool = True

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig" / "admin"

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig)

    @property
    def audit_log(self) -> Path:
        """One JSON line per request, while `audit` is on."""
        return self.state / "audit.log"

    @property
    def addresses(self) -> Addresses | None:
        """None while the cluster is down."""
        return self._box.addresses()

    def up(self) -> Path:
        require_root_on_linux()
        packages.ensure(packages.NODE)
        for programs in (binaries.KUBERNETES, binaries.COREDNS):
            binaries.ensure(programs)
        with self._alone(), step("starting the cluster", usual_seconds=10):
            files = NodeFiles(self.state, self._living_or_new_box())
            files.write()
            node = Node(self._box, files)
            node.start(audit=self.audit)
            self._containerd.load(pause_program.ensure_image())
            node.await_ready(self.kubectl)
            node.start_dns(self.kubectl)
        return self.kubeconfig

    def down(self) -> None:
        require_root_on_linux()
        with self._alone(), step("ending the cluster"):
            self._clear()

    def load_image(self, archive: Path) -> ImageName:
        return self._containerd.load(archive)

    @property
    def _box(self) -> Box:
        return Box(self.state)

    @property
    def _containerd(self) -> Containerd:
        return Containerd(self._box.enter)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with exclusive(self.state.with_name(f"{self.state.name}.lock"), f"the cluster in {self.state}"):
            yield

    def _living_or_new_box(self) -> Addresses:
        """A new one only after clearing away whatever is left of a dead or half-made one."""
        living = self._box.addresses()
        if living is not None:
            return living
        self._clear()
        return self._box.up(pause_program.ensure())

    def _clear(self) -> None:
        self._box.down()

        def state_deleted() -> bool:
            # The kernel may let go of the box's mounts only shortly after its last process.
            shutil.rmtree(self.state, ignore_errors=True)
            return not self.state.exists()

        wait_until(state_deleted, 20, f"{self.state} to be deletable")


def require_root_on_linux() -> None:
    if sys.platform != "linux" or os.geteuid() != 0:
        raise CannotContinue(
            "the local cluster needs root on Linux (it makes network namespaces). Run as root; or use a "
            "Docker engine with kind on PATH (TRIMTAB_CLUSTER=kind); or bring a cluster (TRIMTAB_CLUSTER="
            "existing, KUBECONFIG)."
        )
