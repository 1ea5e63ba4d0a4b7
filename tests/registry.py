"""A real OCI registry with password authentication on loopback, for tests that push and pull.

    def test_it(registry: LocalRegistry) -> None: ...          # from the conftest of tests/runtime

or, anywhere else: `with running_registry(folder) as registry:`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import bcrypt
import requests
from tests.cluster import binaries
from tests.cluster.pki import Pki
from tests.cluster.ports import free_port
from tests.cluster.processes import Daemon

from trimtab_runtime.contract.config import RegistryAccess
from trimtab_runtime.oci import Registry

START_SECONDS = 20
USER = "trimtab"


@dataclass(frozen=True)
class LocalRegistry:
    """A running registry; `stop` and `start` make an outage, its content survives them."""

    host: str
    user: str
    password: str
    folder: Path
    authority: Path | None = None

    @property
    def credentials(self) -> Path:
        """A dockerconfigjson file with the right password."""
        return self.folder / "config.json"

    @property
    def access(self) -> RegistryAccess:
        return RegistryAccess(
            host=self.host,
            plain_http=self.authority is None,
            ca_bundle=str(self.authority or ""),
            credentials=str(self.credentials),
        )

    @property
    def client(self) -> Registry:
        return Registry(self.access)

    def wrong_password(self) -> RegistryAccess:
        """Access with a password the registry refuses."""
        path = self.folder / "wrong.json"
        write_docker_config(path, self.host, self.user, "not the password")
        return replace(self.access, credentials=str(path))

    def start(self) -> None:
        daemon = self._daemon()
        program = binaries.ensure(binaries.REGISTRY) / "registry"
        # Without the variable the registry tries to send traces to localhost:4318.
        daemon.start(["env", "OTEL_TRACES_EXPORTER=none", program, "serve", self.folder / "registry.yaml"])
        daemon.await_answer(self._answers, START_SECONDS)

    def stop(self) -> None:
        self._daemon().stop()

    def blob_path(self, digest: str) -> Path:
        """Where the registry keeps the bytes of a blob, for tests that damage them."""
        name = digest.removeprefix("sha256:")
        root = self.folder / "content/docker/registry/v2/blobs/sha256"
        return root / name[:2] / name / "data"

    def _daemon(self) -> Daemon:
        return Daemon("registry", self.folder)

    def _answers(self) -> bool:
        try:
            scheme, trusted = ("https", str(self.authority)) if self.authority else ("http", True)
            return requests.get(f"{scheme}://{self.host}/v2/", timeout=2, verify=trusted).status_code == 401
        except requests.RequestException:
            return False


def write_docker_config(path: Path, host: str, user: str, password: str) -> None:
    """The file a kubernetes.io/dockerconfigjson Secret is mounted as."""
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {host: {"auth": auth}}}))


@contextlib.contextmanager
def running_registry(folder: Path, *, tls: bool = False) -> Iterator[LocalRegistry]:
    """A registry on a free loopback port, its content below `folder`; `tls`: under a private authority."""
    folder.mkdir(parents=True, exist_ok=True)
    certificates = _certificates(folder / "pki") if tls else None
    authority = certificates.certificate("ca") if certificates else None
    registry = LocalRegistry(f"127.0.0.1:{free_port()}", USER, secrets.token_urlsafe(12), folder, authority)
    write_docker_config(registry.credentials, registry.host, registry.user, registry.password)
    hashed = bcrypt.hashpw(registry.password.encode(), bcrypt.gensalt(rounds=4)).decode()
    (folder / "htpasswd").write_text(f"{registry.user}:{hashed}\n")
    (folder / "registry.yaml").write_text(_configuration(registry.host, folder, certificates))
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


def _certificates(folder: Path) -> Pki:
    pki = Pki(folder)
    pki.authority("ca", "registry-authority")
    pki.issue("registry", "registry", use="server", names=["IP:127.0.0.1"])
    return pki


def _configuration(address: str, folder: Path, certificates: Pki | None) -> str:
    http: dict[str, object] = {"addr": address}
    if certificates is not None:
        http["tls"] = {
            "certificate": str(certificates.certificate("registry")),
            "key": str(certificates.key("registry")),
        }
    configuration = {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "content")}, "delete": {"enabled": True}},
        "http": http,
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
    }
    return json.dumps(configuration)  # JSON is YAML
