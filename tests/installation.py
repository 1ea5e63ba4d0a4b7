"""Trimtab installed on a test cluster as users install it: images, registry Secrets, the chart by Helm."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import images
from tests.cluster.cache import CLONE
from tests.cluster.helm import CHART, Helm
from tests.cluster.oci_archive import ImageName
from tests.cluster.progress import step
from tests.cluster.provider import Cluster
from tests.cluster.registry import PULL_SECRET, Registry

NAMESPACE = "trimtab-system"
RELEASE = "trimtab"
FLIGHTS = CLONE / "examples" / "flights"
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True)
class Images:
    """What the cluster's node holds of this clone."""

    operator: ImageName
    runtime: ImageName
    flights: ImageName


def load_images(cluster: Cluster) -> Images:
    """Build what has changed and load it into the node."""
    built = (images.operator(), images.runtime(), flights_image())
    with step("loading images into the node", usual_seconds=30):
        loaded = [cluster.load_image(image.archive) for image in built]
    return Images(*loaded)


def flights_image() -> images.BuiltImage:
    """The training image of the example: our runtime and the example's three files."""
    inputs = [FLIGHTS / name for name in ("__init__.py", "model.py", "train.py")]
    return images.derived("localhost/flights-train", FLIGHTS / "Dockerfile", FLIGHTS, inputs)


def prepare_namespace(registry: Registry, namespace: str) -> None:
    """Make the namespace refuse pods beyond Pod Security `restricted`, and put the registry's password in."""
    document = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": _RESTRICTED},
    }
    registry.kubectl.apply(document)
    registry.secret(namespace)


def install(registry: Registry, loaded: Images, watched: Collection[str]) -> None:
    """Install or upgrade the release so that it watches exactly `watched`, and wait until it is ready."""
    for namespace in (NAMESPACE, *watched):
        prepare_namespace(registry, namespace)
    with step("helm upgrade --install trimtab", usual_seconds=10):
        upgrade(registry, loaded, watched)


def upgrade(registry: Registry, loaded: Images, watched: Collection[str], **more: object) -> str:
    """`helm upgrade --install --wait` with `more` values, and what it printed."""
    options = ("--install", "--wait", "--timeout=120s", f"--namespace={NAMESPACE}", "--values=-")
    return Helm(registry.kubectl.kubeconfig)(
        "upgrade", RELEASE, CHART, *options, stdin=json.dumps(values(registry, loaded, watched) | more)
    )


def uninstall(registry: Registry) -> str:
    """`helm uninstall --wait`, and what it printed."""
    return Helm(registry.kubectl.kubeconfig)("uninstall", RELEASE, "--wait", f"--namespace={NAMESPACE}")


def values(registry: Registry, loaded: Images, watched: Collection[str]) -> dict[str, object]:
    """Values of the chart for this cluster's registry and images."""
    return {
        "image": _image(loaded.operator),
        "runtimeImage": _image(loaded.runtime),
        "namespaces": list(watched),
        "registry": {
            "host": registry.host,
            "plainHTTP": True,
            "readSecret": PULL_SECRET,
            "pushSecret": PULL_SECRET,
        },
    }


def _image(image: ImageName) -> dict[str, str]:
    return {"repository": image.by_digest.partition("@")[0], "digest": image.digest}


def write_credentials(registry: Registry, path: Path) -> Path:
    """The registry's password as a file for programs on this machine."""
    from tests.registry import write_docker_config

    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    write_docker_config(path, registry.address, registry.username, registry.password)
    return path
