"""The registry client against a real registry with a password."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.registry import LocalRegistry, running_registry

from trimtab_runtime.contract.strict import sha256_digest
from trimtab_runtime.oci import (
    Descriptor,
    DigestMismatch,
    Layer,
    NotFound,
    Refused,
    Registry,
    RegistryError,
    Unauthorized,
    Unavailable,
)

ARTIFACT = "application/vnd.trimtab.test.v1"
JSON = "application/vnd.trimtab.test.v1+json"


def test_push_is_deterministic_and_reads_back(registry: LocalRegistry, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * 20_000)  # 5 MB: more than one chunk
    layers = [Layer(JSON, b'{"a":1}', title="a.json"), Layer("application/octet-stream", large)]
    client = registry.client
    digest = client.push("team/roundtrip", ARTIFACT, layers, tag="one")

    assert client.push("team/roundtrip", ARTIFACT, layers) == digest
    assert client.resolve("team/roundtrip", "one") == digest
    manifest = client.manifest("team/roundtrip", digest)
    assert manifest.artifact_type == ARTIFACT
    assert manifest.layers[0].title == "a.json"
    assert client.small_blob("team/roundtrip", manifest.layer(JSON)) == b'{"a":1}'
    client.download("team/roundtrip", manifest.layers[1], tmp_path / "copy.bin")
    assert (tmp_path / "copy.bin").read_bytes() == large.read_bytes()


def test_tag_names_an_existing_manifest(registry: LocalRegistry) -> None:
    client = registry.client
    first = client.push("tagged", ARTIFACT, [Layer(JSON, b"{}1")], tag="current")
    second = client.push("tagged", ARTIFACT, [Layer(JSON, b"{}2")])
    assert client.resolve("tagged", "current") == first
    client.tag("tagged", second, "current")
    assert client.resolve("tagged", "current") == second


def test_host_without_dot_or_port_is_a_host(registry: LocalRegistry) -> None:
    """oras takes `registry/x` for a repository on Docker Hub; the configured host must win."""
    access = replace(registry.access, host="localhost:" + registry.host.rpartition(":")[2], credentials="")
    with pytest.raises(Unauthorized):
        Registry(access).resolve("x", "y")
    with pytest.raises(Unavailable):
        Registry(replace(access, host="localhost")).resolve("x", "y")


def test_what_is_not_there_is_not_found(registry: LocalRegistry) -> None:
    digest = sha256_digest(b"never pushed")
    with pytest.raises(NotFound):
        registry.client.resolve("nothing/here", "current")
    with pytest.raises(NotFound):
        registry.client.manifest("nothing/here", digest)
    with pytest.raises(NotFound):
        registry.client.small_blob("nothing/here", Descriptor(JSON, digest, 3))


@pytest.mark.parametrize("how", ["wrong", "none", "other host", "missing file", "garbage"])
def test_refused_credentials_are_named_and_never_shown(
    registry: LocalRegistry, tmp_path: Path, how: str
) -> None:
    config = tmp_path / "config.json"
    secret = base64.b64encode(b"someone:canary-password").decode()
    match how:
        case "wrong":
            config.write_text(json.dumps({"auths": {registry.host: {"auth": secret}}}))
        case "other host":
            config.write_text(json.dumps({"auths": {"elsewhere:5000": {"auth": secret}}}))
        case "garbage":
            config.write_text("canary-password")
    access = replace(registry.access, credentials="" if how == "none" else str(config))
    with pytest.raises(Unauthorized) as caught:
        Registry(access).push("team/secret", ARTIFACT, [Layer(JSON, b"{}")])
    shown = str(caught.value)
    assert "canary" not in shown and secret not in shown and registry.host not in shown


def test_an_outage_is_unavailable(registry: LocalRegistry) -> None:
    access = replace(registry.access, host="127.0.0.1:9", credentials="")
    with pytest.raises(Unavailable) as caught:
        Registry(access).resolve("x", "y")
    assert "127.0.0.1" not in str(caught.value)


def test_a_private_authority_is_trusted_when_it_is_named_and_not_otherwise(tmp_path: Path) -> None:
    with running_registry(tmp_path, tls=True) as private:
        digest = Registry(private.access).push("team/private", ARTIFACT, [Layer(JSON, b"{}")])
        assert Registry(private.access).manifest("team/private", digest).layers
        with pytest.raises(Unavailable, match=r"TLS failed: check registry\.caBundle"):
            Registry(replace(private.access, ca_bundle="")).resolve("team/private", digest)


def test_plain_http_answer_to_https_names_the_setting(registry: LocalRegistry) -> None:
    with pytest.raises(Unavailable, match="TLS failed"):
        Registry(replace(registry.access, plain_http=False)).resolve("x", "y")


def test_damaged_bytes_are_a_digest_mismatch_and_leave_no_file(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    client = registry.client
    digest = client.push("damaged", ARTIFACT, [Layer(JSON, b"to be damaged")])
    layer = client.manifest("damaged", digest).layers[0]
    registry.blob_path(layer.digest).write_bytes(b"has been damag")
    with pytest.raises(RegistryError):
        client.download("damaged", layer, tmp_path / "out")
    registry.blob_path(layer.digest).write_bytes(b"TO BE DAMAGED")
    with pytest.raises(DigestMismatch):
        client.small_blob("damaged", layer)
    with pytest.raises(DigestMismatch):
        client.download("damaged", layer, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    stored = registry.blob_path(digest)
    stored.write_bytes(stored.read_bytes() + b" ")
    with pytest.raises(DigestMismatch):
        client.manifest_bytes("damaged", digest)


def test_a_blob_over_the_limit_is_refused(registry: LocalRegistry) -> None:
    client = registry.client
    digest = client.push("big", ARTIFACT, [Layer(JSON, b"x" * 5000)])
    layer = client.manifest("big", digest).layers[0]
    with pytest.raises(Refused, match="more than 1000 bytes"):
        client.small_blob("big", layer, max_bytes=1000)


def test_one_registry_serves_several_threads(registry: LocalRegistry) -> None:
    client = registry.client

    def push_and_read(number: int) -> bytes:
        digest = client.push(f"threads/r{number % 3}", ARTIFACT, [Layer(JSON, b"%d" % number)])
        manifest = client.manifest(f"threads/r{number % 3}", digest)
        return client.small_blob(f"threads/r{number % 3}", manifest.layers[0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(push_and_read, range(24))) == [b"%d" % number for number in range(24)]
