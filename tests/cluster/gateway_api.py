"""The CRDs of the Gateway API, from the Go module in the version that our Traefik is built against."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.kubectl import Kubectl
from tests.cluster.progress import CannotContinue

MODULE = "sigs.k8s.io/gateway-api"


def crds() -> Path:
    """Folder of the standard channel."""
    source = binaries.TRAEFIK.source
    go = binaries.require_go(source)
    command = [go, "mod", "download", "-json", MODULE]
    done = subprocess.run(
        command, cwd=source, env=binaries.build_environment(go, source), capture_output=True, text=True
    )
    if done.returncode:
        raise CannotContinue(f"{MODULE} was not downloaded: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"]) / "config" / "crd" / "standard"


def install(kubectl: Kubectl) -> None:
    """Apply them and wait until they are served. Other kinds than routes and Gateways are for Traefik."""
    kubectl("apply", "--server-side", "--force-conflicts", "-f", str(crds()))
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", str(crds()))


def remove(kubectl: Kubectl) -> None:
    kubectl("delete", "--ignore-not-found", "-f", str(crds()))
