"""model.json (inside the model) and result.json (the layer that tells how a model came to be)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .artifact import REPOSITORY, UID
from .data import MAX_ENTRIES, DataEntry, parse_entries
from .errors import Reason
from .metrics import parse_metrics
from .strict import CONTRACT, DIGEST, Fields, canonical, parse_json
from .trial import Trial, parse_parameters, parse_trial

SKLEARN, XGBOOST, ONNX = "sklearn", "xgboost", "onnx"
FORMATS = (SKLEARN, XGBOOST, ONNX)
SCORES = ("predict_proba",)  # how the score is read: probability of the positive (second) class
FRAMEWORK = re.compile(r"[A-Za-z0-9._-]{1,64}==[A-Za-z0-9.+!_-]{1,64}\Z")
PYTHON_MINOR = re.compile(r"3\.[0-9]{1,2}\Z")
RELATIVE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*\Z")
MAX_RESULT_METRICS = 1024
MAX_MODEL_FILES = 1024


@dataclass(frozen=True)
class ModelCard:
    """What it takes to load a model: framework version and Python minor must be equal to load it."""

    format: str
    framework: str
    python: str
    file: str
    score: str = SCORES[0]

    def to_json(self) -> dict[str, str]:
        return {
            "format": self.format,
            "framework": self.framework,
            "python": self.python,
            "file": self.file,
            "score": self.score,
        }

    def to_bytes(self) -> bytes:
        return canonical({"contract": CONTRACT} | self.to_json())


@dataclass(frozen=True)
class Code:
    """Source of the training code, recorded as given."""

    repository: str = ""
    revision: str = ""

    def to_json(self) -> dict[str, str]:
        return {"repository": self.repository, "revision": self.revision}


@dataclass(frozen=True)
class TrialRecord:
    """result.json. `files` maps each file under model/ to its digest, so that a pulled model can be hashed
    again without the archive. No times: the same training gives the same manifest digest."""

    trial: Trial
    experiment_uid: str
    parameters: Mapping[str, str]
    metrics: Mapping[str, float]
    data: tuple[DataEntry, ...]
    signature_digest: str
    files: Mapping[str, str]
    size_bytes: int
    profile_digest: str = ""
    card: ModelCard | None = None
    code: Code = field(default_factory=Code)
    image: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "contract": CONTRACT,
            "trial": self.trial.to_json(),
            "experimentUid": self.experiment_uid,
            "parameters": dict(self.parameters),
            "metrics": dict(self.metrics),
            "data": [entry.to_json() for entry in self.data],
            "signatureDigest": self.signature_digest,
            "profileDigest": self.profile_digest,
            "model": None if self.card is None else self.card.to_json(),
            "files": dict(self.files),
            "sizeBytes": self.size_bytes,
            "code": self.code.to_json(),
            "image": self.image,
        }

    def to_bytes(self) -> bytes:
        return canonical(self.to_json())


def parse_card(data: bytes, *, reason: Reason = Reason.RESULT_INVALID) -> ModelCard:
    """Parse model/model.json."""
    name = "model/model.json"
    fields = Fields(parse_json(data, reason=reason, name=name), reason, name)
    fields.contract()
    return _parse_card_fields(fields)


def _parse_card_fields(fields: Fields) -> ModelCard:
    card = ModelCard(
        format=fields.choice("format", FORMATS),
        framework=fields.text("framework", pattern=FRAMEWORK),
        python=fields.text("python", pattern=PYTHON_MINOR),
        file=fields.text("file", pattern=RELATIVE_PATH, max_length=255),
        score=fields.choice("score", SCORES),
    )
    fields.end()
    return card


def parse_result(
    data: bytes, *, reason: Reason = Reason.RESULT_INVALID, name: str = "result.json"
) -> TrialRecord:
    """Parse result.json."""
    fields = Fields(parse_json(data, reason=reason, name=name), reason, name)
    fields.contract()
    record = TrialRecord(
        trial=parse_trial(fields.take("trial"), reason=reason, field=f"{name}.trial"),
        experiment_uid=fields.text("experimentUid", pattern=UID),
        parameters=parse_parameters(fields.take("parameters"), reason=reason, field=name),
        metrics=parse_metrics(
            fields.take("metrics"), reason=reason, field=f"{name}.metrics", max_items=MAX_RESULT_METRICS
        ),
        data=parse_entries(list(fields.objects("data", max_items=MAX_ENTRIES)), required=(), reason=reason),
        signature_digest=fields.digest("signatureDigest"),
        profile_digest=fields.optional_text("profileDigest", pattern=DIGEST),
        card=_parse_card_fields(fields.object("model")) if fields.take("model") is not None else None,
        files=_parse_files(fields),
        size_bytes=fields.integer("sizeBytes"),
        code=parse_code(fields.object("code")),
        image=fields.optional_text("image"),
    )
    fields.end()
    return record


def _parse_files(fields: Fields) -> Mapping[str, str]:
    files = fields.texts("files", max_items=MAX_MODEL_FILES)
    for path, digest in files.items():
        if not RELATIVE_PATH.match(path) or not DIGEST.match(digest):
            fields.fail("files", "must map relative paths to sha256 digests")
    return files


def parse_code(fields: Fields) -> Code:
    code = Code(fields.optional_text("repository"), fields.optional_text("revision"))
    fields.end()
    return code


@dataclass(frozen=True)
class ModelPin:
    """A model artifact by repository and manifest digest."""

    repository: str
    digest: str

    def to_json(self) -> dict[str, str]:
        return {"repository": self.repository, "digest": self.digest}


def parse_pin(fields: Fields) -> ModelPin:
    """Parse {repository, digest}."""
    pin = ModelPin(
        fields.text("repository", pattern=REPOSITORY, max_length=255),
        fields.digest("digest"),
    )
    fields.end()
    return pin
