"""OCI names: uris, tags, media types of the model and data artifacts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import ContractError, Reason
from .strict import DIGEST

MODEL_ARTIFACT = "application/vnd.trimtab.model.v1"
MODEL_LAYER = "application/vnd.trimtab.model.v1.tar+gzip"
SIGNATURE_LAYER = "application/vnd.trimtab.signature.v1+json"
PROFILE_LAYER = "application/vnd.trimtab.profile.v1+json"
RESULT_LAYER = "application/vnd.trimtab.result.v1+json"
DATA_ARTIFACT = "application/vnd.trimtab.data.v1"
DATA_LAYER = "text/csv"
TITLE_ANNOTATION = "org.opencontainers.image.title"

MAX_MANIFEST_BYTES = 1 << 20
MAX_JSON_LAYER_BYTES = 1 << 20

HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?\Z")
REPOSITORY = re.compile(
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*\Z"
)  # distribution-spec, "Pulling manifests"
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
UID = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?\Z")


@dataclass(frozen=True)
class OciReference:
    """`oci://host/repository:tag` or `...@sha256:...`; with both the digest decides."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"oci://{self.host}/{self.repository}{tag}{digest}"


def parse_uri(uri: str, *, field: str = "uri") -> OciReference:
    """Parse an `oci://` uri; without tag and digest it is refused, because `latest` is no pin."""

    def refuse(message: str) -> ContractError:
        return ContractError(Reason.URI_INVALID, field, message)

    if not uri.startswith("oci://") or len(uri) > 1024:
        raise refuse("must have the form oci://host/repository:tag or oci://host/repository@sha256:...")
    host, slash, path = uri.removeprefix("oci://").partition("/")
    if not slash or not HOST.match(host):
        raise refuse("the registry host is missing or malformed: write oci://host[:port]/repository:tag")
    name, _, digest = path.partition("@")
    repository, colon, tag = name.partition(":")
    if not REPOSITORY.match(repository) or len(repository) > 255:
        raise refuse("the repository must be lower case letters, digits and separators, at most 255")
    if colon and not TAG.match(tag):
        raise refuse("the tag is malformed")
    if "@" in path and not DIGEST.match(digest):
        raise refuse("the digest must be sha256: and 64 hex characters")
    if not tag and not digest:
        raise refuse("needs a tag or a digest: append :<tag> or @sha256:<digest>")
    return OciReference(host=host, repository=repository, tag=tag, digest=digest)


def result_tag(experiment_uid: str, trial: int, attempt: int) -> str:
    """The tag under which `publish` leaves a trial's manifest, so that a lost message is recovered."""
    if not UID.match(experiment_uid) or trial < 1 or attempt < 1:
        raise ContractError(
            Reason.CONFIG_INVALID, "experimentUid", "needs a Kubernetes uid, trial >= 1 and attempt >= 1"
        )
    return f"exp-{experiment_uid}-{trial}-{attempt}"
