"""The cluster's programs, built from published Go modules once per version into the user's cache."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cache import cache_dir, exclusive, filled_atomically
from tests.cluster.progress import CannotContinue, step

MODULES = Path(__file__).parent / "programs"
OLDEST_GO = (1, 25)
_STRIP = "-s -w"


@dataclass(frozen=True)
class ProgramSet:
    """Programs of one wrapper module; `module` is the go.mod requirement that gives the version."""

    name: str
    module: str
    packages: dict[str, str]
    """binary name -> Go package"""
    usual_seconds: float
    stamp_version: bool = False
    folder: str = ""

    @property
    def source(self) -> Path:
        return MODULES / (self.folder or self.name)

    @property
    def version(self) -> str:
        return required_version((self.source / "go.mod").read_text(), self.module)

    @property
    def directory(self) -> Path:
        return cache_dir() / "programs" / f"{self.name}-{self.version}"

    def is_built(self) -> bool:
        return all((self.directory / binary).is_file() for binary in self.packages)


def _kubernetes(*names: str) -> dict[str, str]:
    return {name: f"k8s.io/kubernetes/cmd/{name}" for name in names}


KUBERNETES = ProgramSet(
    "kubernetes",
    "k8s.io/kubernetes",
    {
        "etcd": "go.etcd.io/etcd/server/v3",
        **_kubernetes("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
        **_kubernetes("kubelet", "kube-proxy", "kubectl"),
    },
    usual_seconds=480,
    stamp_version=True,
)
COREDNS = ProgramSet("coredns", "github.com/coredns/coredns", {"coredns": "."}, usual_seconds=150)
REGISTRY = ProgramSet(
    "registry",
    "github.com/distribution/distribution/v3",
    {"registry": "github.com/distribution/distribution/v3/cmd/registry"},
    usual_seconds=150,
    folder="distribution",
)
HELM = ProgramSet("helm", "helm.sh/helm/v3", {"helm": "helm.sh/helm/v3/cmd/helm"}, usual_seconds=210)
KWOK = ProgramSet("kwok", "sigs.k8s.io/kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, usual_seconds=120)
TRAEFIK = ProgramSet(
    "traefik",
    "github.com/traefik/traefik/v3",
    {"traefik": "github.com/traefik/traefik/v3/cmd/traefik"},
    usual_seconds=600,
)
ENVOY_GATEWAY = ProgramSet(
    "envoy-gateway",
    "github.com/envoyproxy/gateway",
    {"envoy-gateway": "github.com/envoyproxy/gateway/cmd/envoy-gateway"},
    usual_seconds=240,
)
METRICS_SERVER = ProgramSet(
    "metrics-server",
    "sigs.k8s.io/metrics-server",
    {"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
    usual_seconds=300,
)
ARGO_ROLLOUTS = ProgramSet(
    "argo-rollouts",
    "github.com/argoproj/argo-rollouts",
    {"rollouts-controller": "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"},
    usual_seconds=330,
)

NEEDED_BY_TESTS = (KUBERNETES, REGISTRY, KWOK, HELM, COREDNS, TRAEFIK, METRICS_SERVER, ENVOY_GATEWAY)
"""In order of need: the API server tests wait for the first two only. Peers are built by the benchmarks."""
SETS = {s.name: s for s in (*NEEDED_BY_TESTS, ARGO_ROLLOUTS)}


def ensure(programs: ProgramSet) -> Path:
    """Return the folder of the built programs; build them first where the cache has none."""
    if programs.is_built():
        return programs.directory
    with exclusive(programs.directory.with_name(f".{programs.name}.lock"), programs.name):
        if not programs.is_built():
            go = require_go(programs.source)
            with (
                step(f"building {programs.name} {programs.version}", programs.usual_seconds),
                filled_atomically(programs.directory) as folder,
            ):
                _build(programs, go, folder)
    return programs.directory


def module_folder(programs: ProgramSet, module: str) -> Path:
    """Where the source of a module lies, in the version that the programs are built with; it is downloaded if
    need be."""
    go = require_go(programs.source)
    done = subprocess.run(
        [go, "mod", "download", "-json", module],
        cwd=programs.source,
        env=build_environment(go, programs.source),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CannotContinue(f"{module} was not downloaded: {done.stderr or done.stdout}")
    return Path(json.loads(done.stdout)["Dir"])


def _build(programs: ProgramSet, go: str, folder: Path) -> None:
    ldflags = _STRIP + (_version_flags(programs.version) if programs.stamp_version else "")
    build = [go, "build", "-mod=readonly", "-trimpath", "-ldflags", ldflags, "-o"]
    environment = build_environment(go, programs.source)
    for binary, package in programs.packages.items():
        command = [*build, str(folder / binary), package]
        if subprocess.run(command, cwd=programs.source, env=environment).returncode:
            raise CannotContinue(
                f"{binary} {programs.version} was not built (go's message is above). The module proxy "
                "(GOPROXY) must be reachable and about 8 GB of disk free; then run the same command again."
            )


def _version_flags(version: str) -> str:
    major, minor, _ = version.removeprefix("v").split(".", 2)
    package = "k8s.io/component-base/version"
    return f" -X {package}.gitVersion={version} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}"


def build_environment(go: str, source: Path) -> dict[str, str]:
    """Where a module asks for a newer Go than the installed one, let Go fetch that toolchain."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    if installed_go(go) < directive((source / "go.mod").read_text()):
        environment["GOTOOLCHAIN"] = "auto"
    return environment


def require_go(source: Path) -> str:
    """Path of a Go that can build `source`; raises CannotContinue with the remedy otherwise."""
    remedy = "Install Go 1.25 or newer from https://go.dev/dl and put its bin folder on PATH."
    go = shutil.which("go")
    if go is None:
        raise CannotContinue(f"go was not found on PATH; it builds the cluster's programs. {remedy}")
    version = installed_go(go)
    if version < OLDEST_GO:
        raise CannotContinue(f"{go} is Go {'.'.join(map(str, version))}, too old for {source.name}. {remedy}")
    return go


def installed_go(go: str) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: the version of what is installed, not of what a go.mod near by would select.
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "version"], env=environment, capture_output=True, text=True, check=True)
    return parse_go_version(answer.stdout)


def parse_go_version(text: str) -> tuple[int, ...]:
    """`go version go1.26.8 linux/amd64` -> (1, 26, 8); pre-releases count as their release."""
    found = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not found:
        raise ValueError(f"no Go version in {text!r}")
    return tuple(int(part) for part in found.groups(default="0"))


def directive(go_mod: str) -> tuple[int, ...]:
    """The language version of a go.mod: `go 1.26.0` -> (1, 26, 0)."""
    found = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?", go_mod, re.MULTILINE)
    if not found:
        raise ValueError("go.mod has no go directive")
    return tuple(int(part) for part in found.groups(default="0"))


def required_version(go_mod: str, module: str) -> str:
    found = re.search(rf"^(?:require )?\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise ValueError(f"go.mod does not require {module}")
    return found.group(1)
