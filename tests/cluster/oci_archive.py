"""OCI image archives: written from a folder without any daemon, and read for their name and digest."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.progress import CannotContinue

NAME = "io.containerd.image.name"
_TYPE = "application/vnd.oci.image."
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NEVER_PACKED = ("./dev/*", "./proc/*", "./sys/*", "./var/cache/apt/*", "./var/lib/apt/lists/*")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ImageName:
    """What an archive holds: `localhost/x:tag` and the digest of its manifest."""

    name: str
    digest: str

    @property
    def by_digest(self) -> str:
        """`localhost/x@sha256:...`, the form that names exactly these bytes."""
        repository, colon, tag = self.name.rpartition(":")
        return f"{self.name if not colon or '/' in tag else repository}@{self.digest}"


def read_name(archive: Path) -> ImageName:
    """Name and manifest digest of a one-image OCI archive (also `docker save` of engine 25 and later)."""
    try:
        with tarfile.open(archive) as tar:
            member = tar.extractfile("index.json")
            index = json.load(member) if member else {}
    except (KeyError, tarfile.TarError) as error:
        raise CannotContinue(f"{archive} is no OCI image archive (no index.json): {error}") from error
    manifests = index.get("manifests", [])
    if len(manifests) != 1 or NAME not in manifests[0].get("annotations", {}):
        raise CannotContinue(f"{archive} must hold exactly one image whose index names it ({NAME}).")
    return ImageName(manifests[0]["annotations"][NAME], manifests[0]["digest"])


def write(archive: Path, name: str, root: Path, config: Mapping[str, Any]) -> None:
    """One uncompressed layer with the content of `root`; equal content gives equal bytes.

    config: the image's `config` object (Cmd, Entrypoint, Env, User...); Env gets the usual PATH.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as scratch:
        layer = Path(scratch) / "layer.tar"
        _pack(root, layer)
        partial = Path(scratch) / "image.tar"
        _assemble(partial, name, layer, config)
        partial.rename(archive)


def _pack(root: Path, layer: Path) -> None:
    reproducible = ["--numeric-owner", "--owner=0", "--group=0", "--sort=name", "--mtime=@0"]
    # A root file system has owners that matter (setgid mail, the package manager's); a plain folder has not.
    if (root / "etc" / "passwd").exists():
        reproducible = ["--numeric-owner", "--sort=name", "--mtime=@0"]
    excluded = [f"--exclude={pattern}" for pattern in _NEVER_PACKED]
    subprocess.run(["tar", *reproducible, "-C", root, *excluded, "-cf", layer, "."], check=True)


def _assemble(archive: Path, name: str, layer: Path, config: Mapping[str, Any]) -> None:
    layer_digest = _file_digest(layer)
    image = _blob(
        {
            "architecture": architecture(),
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Env": [_PATH], **config},
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
            # buildah counts layers by history and refuses to add one when they differ.
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "trimtab tests"}],
        }
    )
    manifest = _blob(
        {
            "schemaVersion": 2,
            "mediaType": f"{_TYPE}manifest.v1+json",
            "config": _descriptor(f"{_TYPE}config.v1+json", image),
            "layers": [
                {
                    "mediaType": f"{_TYPE}layer.v1.tar",
                    "digest": layer_digest,
                    "size": layer.stat().st_size,
                }
            ],
        }
    )
    annotations = {NAME: name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    entry = {**_descriptor(f"{_TYPE}manifest.v1+json", manifest), "annotations": annotations}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", _blob({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _blob({"schemaVersion": 2, "manifests": [entry]}))
        for blob in (image, manifest):
            _add(tar, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
        info = tarfile.TarInfo(f"blobs/sha256/{layer_digest.removeprefix('sha256:')}")
        info.size = layer.stat().st_size
        with layer.open("rb") as content:
            tar.addfile(info, content)


def architecture() -> str:
    """The machine's architecture in OCI's words."""
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    return _ARCHITECTURES.get(machine, machine)


def static_image(archive: Path, name: str, files: Mapping[str, Path | str], command: Sequence[str]) -> Path:
    """An image FROM scratch: path -> executable to copy, or text to write. Kept if `archive` exists."""
    if archive.is_file():
        return archive
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        for path, content in files.items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copy(content, target)
                target.chmod(0o755)
            else:
                target.write_text(content)
        write(archive, name, root, {"Entrypoint": list(command)})
    return archive


def _blob(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    return {"mediaType": media_type, "digest": digest, "size": len(blob)}


def _add(tar: tarfile.TarFile, path: str, data: bytes) -> None:
    info = tarfile.TarInfo(path)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _file_digest(path: Path) -> str:
    with path.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
