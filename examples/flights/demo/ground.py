"""What the story stands on: the cluster, its registry, the images, Trimtab by Helm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import installation
from tests.cluster import binaries, provider, registry
from tests.cluster.cache import BUILD
from tests.cluster.kubectl import Kubectl
from tests.installation import Images

from flights.demo.report import Report
from trimtab.apis import crd
from trimtab.apis.v1alpha1.meta import GROUP
from trimtab_runtime.contract.config import RegistryAccess
from trimtab_runtime.oci import Registry as OciClient

NAMESPACE = "flights"
FOLDER = BUILD / "demo"


@dataclass(frozen=True)
class Ground:
    """A cluster with Trimtab watching the namespace of the story."""

    kubectl: Kubectl
    registry: registry.Registry
    images: Images
    namespace: str = NAMESPACE

    @property
    def oci(self) -> OciClient:
        """The cluster's registry as this machine reaches it."""
        credentials = installation.write_credentials(self.registry, FOLDER / "registry-credentials.json")
        access = RegistryAccess(self.registry.address, plain_http=True, credentials=str(credentials))
        return OciClient(access)

    @property
    def programs(self) -> Path:
        """The folder with the kubectl that this cluster was built with."""
        return binaries.KUBERNETES.directory

    def get(self, *arguments: str) -> Any:
        """`kubectl get` in the namespace, as JSON."""
        return self.kubectl.get(*arguments, "--namespace", self.namespace)

    def forget(self) -> list[str]:
        """Delete what an earlier run left in the namespace, version numbers too. Says what that was."""
        where = ("--namespace", self.namespace)
        # Monitors first, so that none retrains on the way; each waits until what it owns is gone.
        names = [f"{kind.plural}.{GROUP}" for kind in crd.KINDS]
        kinds = sorted(names, key=lambda name: "monitor" not in name)
        left = [
            line
            for kind in kinds
            for line in self.kubectl("delete", kind, "--all", "--cascade=foreground", *where).splitlines()
        ]
        self.kubectl("delete", "configmap", "--selector=trimtab.dev/model", *where)
        return [line for line in left if line != "No resources found"]


def prepare(report: Report) -> Ground:
    """From nothing, or from whatever an earlier run left, to a namespace without a story."""
    with report.step("cluster with DNS and registry", 15) as facts:
        cluster = provider.choose()
        facts["kubeconfig"] = str(cluster.up())
        its_registry = registry.install(cluster)
    with report.step("images built and loaded (first time: some minutes)", 30) as facts:
        images = installation.load_images(cluster)
        facts |= {"operator": images.operator.name, "runtime": images.runtime.name}
    with report.step("Trimtab installed by Helm", 15):
        installation.install(its_registry, images, [NAMESPACE])
    ground = Ground(cluster.kubectl, its_registry, images)
    for line in ground.forget():
        report.say(f"from an earlier run: {line}")
    return ground


def manifest_path(document: Mapping[str, Any]) -> Path:
    """Where a manifest that the demo applies can be read."""
    return FOLDER / f"{document['kind'].lower()}-{document['metadata']['name']}.yaml"
