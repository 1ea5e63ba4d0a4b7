"""Provider `existing`: a cluster somebody else runs. Used only when asked for by name: it is written to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.kubectl import Kubectl
from tests.cluster.oci_archive import ImageName
from tests.cluster.progress import CannotContinue


@dataclass(frozen=True)
class ExistingCluster:
    """The cluster of KUBECONFIG. Its nodes must get the images by other means."""

    @property
    def kubeconfig(self) -> Path:
        named = os.environ.get("KUBECONFIG", "")
        if not named or os.pathsep in named:
            raise CannotContinue("TRIMTAB_CLUSTER=existing needs KUBECONFIG to name exactly one file.")
        return Path(named)

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self.kubeconfig)

    def up(self) -> Path:
        self.kubectl("version")
        return self.kubeconfig

    def down(self) -> None:
        """It is not ours to end."""

    def load_image(self, archive: Path) -> ImageName:
        raise CannotContinue(
            f"no way is known to load {archive} into an existing cluster's nodes. Push it, under the "
            "name it has, to a registry that they can pull from."
        )
