"""The model layer: a deterministic tar+gzip, unpacked only where every file has the recorded digest."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.regular_file import open_regular

CHUNK_BYTES = 1 << 20
COMPRESSION = 6


@dataclass(frozen=True)
class Packed:
    """What went into an archive: digest per file, and the sum of their sizes."""

    files: Mapping[str, str]
    size_bytes: int


def pack(folder: Path, files: tuple[str, ...], target: Path) -> Packed:
    """Write `files` of `folder` to a tar+gzip; equal content gives equal bytes (no times, owners, modes)."""
    digests, total = {}, 0
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=COMPRESSION, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name in files:
            with open_regular(folder / name, f"model/{name}") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = file.tell(), 0o644
                file.seek(0)
                archive.addfile(entry, file)
            digests[name], total = f"sha256:{digest}", total + entry.size
    return Packed(files=digests, size_bytes=total)


def unpack(archive_path: Path, folder: Path, expected: Packed) -> None:
    """Unpack exactly the expected files; anything else in the archive is ModelInvalid.

    Sizes are bounded by the recorded sum, so a compressed bomb ends early.
    """
    found: dict[str, str] = {}
    room = expected.size_bytes
    try:
        with tarfile.open(archive_path, mode="r:gz") as archive:
            for entry in archive:
                if not entry.isreg() or entry.name not in expected.files or entry.name in found:
                    raise _invalid("model layer", "holds something that result.json does not list")
                if entry.size > room:
                    raise _invalid("model layer", "is larger than result.json says")
                room -= entry.size
                found[entry.name] = _extract(archive, entry, folder / entry.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _invalid("model layer", f"cannot be unpacked ({type(error).__name__})") from error
    if found != dict(expected.files):
        raise _invalid("model layer", "its files are not those that result.json lists")


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    hasher, source = hashlib.sha256(), archive.extractfile(entry)
    assert source is not None  # only directories and links have none
    with source, target.open("wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            hasher.update(chunk)
            file.write(chunk)
    target.chmod(0o444)
    return "sha256:" + hasher.hexdigest()


def _invalid(field: str, message: str) -> ContractError:
    return ContractError(Reason.MODEL_INVALID, field, message)
