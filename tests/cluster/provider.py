"""What every kind of cluster offers, and which one is used."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol

from tests.cluster import docker
from tests.cluster.kubectl import Kubectl, KubectlFailed
from tests.cluster.oci_archive import ImageName
from tests.cluster.progress import CannotContinue

CHOICES = ("local", "kind", "existing")


class Cluster(Protocol):
    """One cluster for tests and demo. All methods may be called again at any time."""

    def up(self) -> Path:
        """Start it, whatever an earlier run left behind. Returns `kubeconfig`."""
        ...

    def down(self) -> None:
        """Leave nothing of it."""
        ...

    def load_image(self, archive: Path) -> ImageName:
        """Make the image of an OCI archive startable by pods, by its name and by name@digest."""
        ...

    @property
    def kubeconfig(self) -> Path:
        """A cluster admin's."""
        ...

    @property
    def kubectl(self) -> Kubectl: ...


def choose(name: str | None = None) -> Cluster:
    """The provider called `name`, or TRIMTAB_CLUSTER, or: kind where it can work, else local.

    `existing` is never chosen by itself: it writes to a cluster that is not ours.
    """
    match name or os.environ.get("TRIMTAB_CLUSTER") or default_name():
        case "local":
            from tests.cluster.local import LocalCluster

            return LocalCluster()
        case "kind":
            from tests.cluster.kind import KindCluster

            return KindCluster()
        case "existing":
            from tests.cluster.existing import ExistingCluster

            return ExistingCluster()
        case unknown:
            raise CannotContinue(f"TRIMTAB_CLUSTER={unknown} is none of {', '.join(CHOICES)}")


def default_name() -> str:
    return "kind" if shutil.which("kind") and docker.answers() else "local"


def is_up(cluster: Cluster) -> bool:
    """Whether its API server answers."""
    if not cluster.kubeconfig.is_file():
        return False
    try:
        cluster.kubectl("version", "--request-timeout=3s")
    except KubectlFailed:
        return False
    return True
