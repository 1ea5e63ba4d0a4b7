"""OCI image manifests as artifacts carry them: parsed with limits, built deterministically."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trimtab_runtime.contract.artifact import MAX_MANIFEST_BYTES, TITLE_ANNOTATION
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.strict import Fields, canonical, parse_json, sha256_digest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY_BLOB = b"{}"
MAX_LAYERS = 256
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*\Z")


@dataclass(frozen=True)
class Descriptor:
    """A blob by digest."""

    media_type: str
    digest: str
    size: int
    title: str = ""

    def to_json(self) -> dict[str, Any]:
        base = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return base | ({"annotations": {TITLE_ANNOTATION: self.title}} if self.title else {})


@dataclass(frozen=True)
class Layer:
    """A blob to push: bytes, or a file for large ones."""

    media_type: str
    content: bytes | Path
    title: str = ""


@dataclass(frozen=True)
class Manifest:
    """What we read of a manifest."""

    artifact_type: str
    layers: tuple[Descriptor, ...]

    def layer(self, media_type: str) -> Descriptor:
        """The one layer of a media type; none or several is an ArtifactMissing."""
        found = [layer for layer in self.layers if layer.media_type == media_type]
        if len(found) != 1:
            raise ContractError(
                Reason.ARTIFACT_MISSING,
                "manifest.layers",
                f"needs exactly one layer of type {media_type}, has {len(found)}",
            )
        return found[0]

    def has_layer(self, media_type: str) -> bool:
        return any(layer.media_type == media_type for layer in self.layers)


def parse_manifest(data: bytes) -> Manifest:
    """Parse an image manifest; fields we do not use may be there, those we use are checked."""
    reason = Reason.RESULT_INVALID
    fields = Fields(
        parse_json(data, reason=reason, name="manifest", max_bytes=MAX_MANIFEST_BYTES), reason, "manifest"
    )
    if fields.value.get("mediaType", MANIFEST_TYPE) != MANIFEST_TYPE:
        fields.fail("mediaType", f"must be {MANIFEST_TYPE}")
    config = fields.object("config").text("mediaType", pattern=_MEDIA_TYPE)
    return Manifest(
        # Before OCI 1.1 the config's media type played the part of artifactType.
        artifact_type=fields.optional_text("artifactType", pattern=_MEDIA_TYPE) or config,
        layers=tuple(_parse_descriptor(item) for item in fields.objects("layers", max_items=MAX_LAYERS)),
    )


def _parse_descriptor(fields: Fields) -> Descriptor:
    annotations = fields.texts("annotations", max_length=4096) if fields.has("annotations") else {}
    return Descriptor(
        media_type=fields.text("mediaType", pattern=_MEDIA_TYPE),
        digest=fields.digest("digest"),
        size=fields.integer("size"),
        title=annotations.get(TITLE_ANNOTATION, ""),
    )


def build_manifest(artifact_type: str, layers: Sequence[Descriptor]) -> bytes:
    """Manifest bytes: equal input gives equal bytes, so equal content gives an equal digest."""
    empty = Descriptor(EMPTY_TYPE, sha256_digest(EMPTY_BLOB), len(EMPTY_BLOB))
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": artifact_type,
            "config": empty.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )
