"""Operations on one registry. Safe to use from several threads: each operation has its own connection."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trimtab_runtime.contract.artifact import MAX_JSON_LAYER_BYTES, MAX_MANIFEST_BYTES
from trimtab_runtime.contract.config import RegistryAccess
from trimtab_runtime.contract.strict import sha256_digest

from .errors import DigestMismatch, NotFound
from .manifest import (
    EMPTY_BLOB,
    EMPTY_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    Layer,
    Manifest,
    build_manifest,
    parse_manifest,
)
from .transport import CHUNK_BYTES, Transport

SMALL_SECONDS = 60.0  # for a manifest or JSON layer as a whole
LARGE_SECONDS = 24 * 3600.0  # large files are bounded by the idle timeout and the caller's deadline


class Registry:
    """The one registry that the operator's values name."""

    def __init__(self, access: RegistryAccess) -> None:
        self._access = access

    @contextmanager
    def _open(self, repository: str) -> Iterator[Transport]:
        transport = Transport(self._access, repository)
        try:
            yield transport
        finally:
            transport.close()

    def resolve(self, repository: str, tag: str) -> str:
        """The digest a tag has now, computed from the manifest's bytes rather than believed from a header."""
        with self._open(repository) as transport:
            return sha256_digest(_read_manifest(transport, tag, f"tag {tag}"))

    def manifest_bytes(self, repository: str, digest: str) -> bytes:
        """A manifest's bytes, verified."""
        with self._open(repository) as transport:
            data = _read_manifest(transport, digest, f"manifest {digest}")
        if sha256_digest(data) != digest:
            raise DigestMismatch(repository, "the manifest")
        return data

    def manifest(self, repository: str, digest: str) -> Manifest:
        """A manifest, verified and parsed."""
        return parse_manifest(self.manifest_bytes(repository, digest))

    def small_blob(
        self, repository: str, layer: Descriptor, *, max_bytes: int = MAX_JSON_LAYER_BYTES
    ) -> bytes:
        """A small blob in memory, verified."""
        what = f"blob {layer.digest}"
        with (
            self._open(repository) as transport,
            transport.send("GET", transport.blob_url(layer.digest), what=what) as response,
        ):
            deadline = time.monotonic() + SMALL_SECONDS
            data = b"".join(
                transport.chunks(response, what="the blob", max_bytes=max_bytes, deadline=deadline)
            )
        if len(data) != layer.size or sha256_digest(data) != layer.digest:
            raise DigestMismatch(repository, "a layer")
        return data

    def download(self, repository: str, layer: Descriptor, target: Path) -> None:
        """A blob into a file, which appears under its name only after it was verified."""
        what = f"blob {layer.digest}"
        part, hasher = target.with_name(target.name + ".part"), hashlib.sha256()
        with (
            self._open(repository) as transport,
            transport.send("GET", transport.blob_url(layer.digest), what=what) as response,
            part.open("wb") as file,
        ):
            deadline = time.monotonic() + LARGE_SECONDS
            for chunk in transport.chunks(response, what=what, max_bytes=layer.size, deadline=deadline):
                hasher.update(chunk)
                file.write(chunk)
        if "sha256:" + hasher.hexdigest() != layer.digest:
            part.unlink()
            raise DigestMismatch(repository, "a layer")
        part.replace(target)

    def push(self, repository: str, artifact_type: str, layers: Sequence[Layer], *, tag: str = "") -> str:
        """Push an artifact and return its manifest digest. Idempotent: what is there is not sent again."""
        descriptors = [_describe(layer) for layer in layers]
        empty = Layer(EMPTY_TYPE, EMPTY_BLOB)
        manifest = build_manifest(artifact_type, descriptors)
        digest = sha256_digest(manifest)
        with self._open(repository) as transport:
            for layer, descriptor in [(empty, _describe(empty)), *zip(layers, descriptors, strict=True)]:
                _push_blob(transport, layer, descriptor)
            _put_manifest(transport, manifest, tag or digest)
        return digest

    def tag(self, repository: str, digest: str, tag: str) -> None:
        """Give an existing manifest one more name."""
        manifest = self.manifest_bytes(repository, digest)
        with self._open(repository) as transport:
            _put_manifest(transport, manifest, tag)


def _read_manifest(transport: Transport, reference: str, what: str) -> bytes:
    headers = {"Accept": MANIFEST_TYPE}
    with transport.send("GET", transport.manifest_url(reference), what=what, headers=headers) as response:
        deadline = time.monotonic() + SMALL_SECONDS
        return b"".join(
            transport.chunks(response, what=what, max_bytes=MAX_MANIFEST_BYTES, deadline=deadline)
        )


def _put_manifest(transport: Transport, manifest: bytes, reference: str) -> None:
    headers = {"Content-Type": MANIFEST_TYPE}
    url = transport.manifest_url(reference)
    with transport.send("PUT", url, what="the manifest", headers=headers, data=manifest):
        pass


def _describe(layer: Layer) -> Descriptor:
    if isinstance(layer.content, bytes):
        digest, size = sha256_digest(layer.content), len(layer.content)
    else:
        with layer.content.open("rb") as file:
            digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
    return Descriptor(layer.media_type, digest, size, layer.title)


def _push_blob(transport: Transport, layer: Layer, descriptor: Descriptor) -> None:
    """POST for a session, then one PUT; files are streamed, their size is on the request."""
    if _has_blob(transport, descriptor.digest):
        return
    with transport.send("POST", transport.uploads_url(), what="the upload") as response:
        location = transport.location(response)
    url = f"{location}{'&' if '?' in location else '?'}digest={descriptor.digest}"
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(descriptor.size)}
    if isinstance(layer.content, bytes) or descriptor.size == 0:
        # An empty file object would be sent chunked, against the length in the header, and hang.
        body = layer.content if isinstance(layer.content, bytes) else b""
        with transport.send("PUT", url, what="the upload", headers=headers, data=body):
            return
    with (
        layer.content.open("rb", buffering=CHUNK_BYTES) as file,
        transport.send("PUT", url, what="the upload", headers=headers, data=file),
    ):
        pass


def _has_blob(transport: Transport, digest: str) -> bool:
    try:
        with transport.send("HEAD", transport.blob_url(digest), what="blob"):
            return True
    except NotFound:
        return False
