"""A pulled model: manifest.json, signature.json, profile.json, result.json and model/<files> in one folder.

The chain of trust is short: the pinned digest is that of manifest.json, which names the digests of the JSON
layers, of which result.json names the digest of every model file. So the folder can be verified again,
without the archive, right before anything in it is loaded.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.artifact import (
    MODEL_ARTIFACT,
    MODEL_LAYER,
    PROFILE_LAYER,
    RESULT_LAYER,
    SIGNATURE_LAYER,
)
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.profile import Profile, parse_profile
from trimtab_runtime.contract.result import ModelPin, TrialRecord, parse_result
from trimtab_runtime.contract.signature import Signature, parse_signature
from trimtab_runtime.contract.strict import sha256_digest
from trimtab_runtime.oci import Manifest, Registry, parse_manifest
from trimtab_runtime.patience import Patience

from .archive import Packed, unpack

JSON_LAYERS = {
    paths.SIGNATURE_FILE: SIGNATURE_LAYER,
    paths.PROFILE_FILE: PROFILE_LAYER,
    paths.RESULT_FILE: RESULT_LAYER,
}


@dataclass(frozen=True)
class Model:
    """A verified model folder. `files` is the folder of the model's own files."""

    digest: str
    files: Path
    signature: Signature
    profile: Profile | None
    record: TrialRecord


def pull_model(registry: Registry, pin: ModelPin, folder: Path, patience: Patience) -> Model:
    """Pull a model by manifest digest into a folder, whose content it replaces, and verify it there."""
    _empty(folder)
    data = patience.call(lambda: registry.manifest_bytes(pin.repository, pin.digest))
    manifest = _checked(data)
    _write(folder / paths.MANIFEST_FILE, data)
    for name, media_type in JSON_LAYERS.items():
        if media_type != PROFILE_LAYER or manifest.has_layer(media_type):
            layer = manifest.layer(media_type)
            content = patience.call(lambda layer=layer: registry.small_blob(pin.repository, layer))  # type: ignore[misc]
            _write(folder / name, content)
    record = parse_result((folder / paths.RESULT_FILE).read_bytes(), reason=Reason.MODEL_INVALID)
    archive = folder / "model.tar.gz"
    patience.call(lambda: registry.download(pin.repository, manifest.layer(MODEL_LAYER), archive))
    unpack(archive, folder / paths.MODEL_FOLDER, Packed(record.files, record.size_bytes))
    archive.unlink()
    return verify_model(folder, pin.digest)


def verify_model(folder: Path, digest: str) -> Model:
    """Hash everything against the pinned manifest digest, and parse it. DigestMismatch names the file."""
    data = _read(folder, paths.MANIFEST_FILE, digest)
    manifest = _checked(data)
    contents = {
        name: _read(folder, name, manifest.layer(media_type).digest)
        for name, media_type in JSON_LAYERS.items()
        if media_type != PROFILE_LAYER or manifest.has_layer(media_type)
    }
    record = parse_result(contents[paths.RESULT_FILE], reason=Reason.MODEL_INVALID)
    signature = parse_signature(contents[paths.SIGNATURE_FILE], reason=Reason.MODEL_INVALID)
    profile = contents.get(paths.PROFILE_FILE)
    _verify_files(folder / paths.MODEL_FOLDER, record)
    return Model(
        digest=digest,
        files=folder / paths.MODEL_FOLDER,
        signature=signature,
        profile=parse_profile(profile, reason=Reason.MODEL_INVALID) if profile else None,
        record=record,
    )


def _checked(data: bytes) -> Manifest:
    manifest = parse_manifest(data)
    if manifest.artifact_type != MODEL_ARTIFACT:
        raise ContractError(Reason.MODEL_INVALID, paths.MANIFEST_FILE, f"is no {MODEL_ARTIFACT}")
    return manifest


def _verify_files(folder: Path, record: TrialRecord) -> None:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    if found != set(record.files):
        raise ContractError(Reason.DIGEST_MISMATCH, "model/", "holds other files than result.json lists")
    for name, digest in record.files.items():
        with (folder / name).open("rb") as file:
            if "sha256:" + hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise _mismatch(f"model/{name}")


def _read(folder: Path, name: str, digest: str) -> bytes:
    try:
        data = (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise ContractError(Reason.MODEL_INVALID, name, "is not in the model folder") from error
    if sha256_digest(data) != digest:
        raise _mismatch(name)
    return data


def _mismatch(name: str) -> ContractError:
    return ContractError(Reason.DIGEST_MISMATCH, name, "does not have the digest that pins it")


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o444)


def _empty(folder: Path) -> None:
    """The folder is a mount and stays; what an interrupted run left in it goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
