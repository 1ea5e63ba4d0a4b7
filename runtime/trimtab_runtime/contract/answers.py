"""What a model server tells at /answers: which score it gave to some of its latest requests.

Two servers that get the same requests can be compared one by one, if they remember the same ones. So each
keeps those whose key is smallest, of every span of EPOCH_SECONDS by its clock (bottom-k sampling, coordinated
by the hash): one that gets a fifth of another's requests remembers mostly the same of them.

    {"contract": 1, "modelDigest": "sha256:...", "epochs": {"179607862": {"1f...16 hex digits": 0.734}}}

A key is the BLAKE2b of the request's body; the score is that of its first row. Nothing of the request itself
is told.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import Reason
from .strict import CONTRACT, DIGEST, Fields, canonical, parse_json

ANSWERS_PATH: Final = "/answers"
EPOCH_SECONDS: Final = 10
EPOCHS: Final = 3
ANSWERS_PER_EPOCH: Final = 256
MAX_ANSWERS_BYTES: Final = 64 * EPOCHS * ANSWERS_PER_EPOCH
_KEY_BYTES = 8
_KEY = re.compile(r"[0-9a-f]{16}\Z")
_EPOCH = re.compile(r"[0-9]{1,12}\Z")

Scores = Mapping[str, float]
"""By key."""


def key_of(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=_KEY_BYTES).hexdigest()


@dataclass(frozen=True)
class Answers:
    """The latest epochs of one server process, by number: seconds since 1970 over EPOCH_SECONDS."""

    model_digest: str
    epochs: Mapping[int, Scores]

    def to_json(self) -> bytes:
        epochs = {str(number): dict(scores) for number, scores in self.epochs.items()}
        return canonical({"contract": CONTRACT, "modelDigest": self.model_digest, "epochs": epochs})


def read_answers(data: bytes, model_digest: str) -> Answers:
    """Raises ContractError (PageInvalid): another contract or model, too much, or no probability."""
    fields = Fields(
        parse_json(data, reason=Reason.PAGE_INVALID, name=ANSWERS_PATH, max_bytes=MAX_ANSWERS_BYTES),
        Reason.PAGE_INVALID,
        ANSWERS_PATH,
    )
    if fields.take("contract") != CONTRACT:
        fields.fail("contract", f"must be {CONTRACT}")
    if fields.text("modelDigest", pattern=DIGEST) != model_digest:
        fields.fail("modelDigest", "is that of another model")
    epochs = fields.take("epochs")
    fields.end()
    if not isinstance(epochs, dict) or len(epochs) > EPOCHS:
        fields.fail("epochs", f"must be an object of at most {EPOCHS}")
    return Answers(
        model_digest, {_epoch(fields, number): _scores(fields, scores) for number, scores in epochs.items()}
    )


def _epoch(fields: Fields, number: str) -> int:
    if not _EPOCH.match(number):
        fields.fail("epochs", "must be named by numbers")
    return int(number)


def _scores(fields: Fields, scores: Any) -> Scores:
    if not isinstance(scores, dict) or len(scores) > ANSWERS_PER_EPOCH:
        fields.fail("epochs", f"each must be an object of at most {ANSWERS_PER_EPOCH} answers")
    for key, score in scores.items():
        is_number = isinstance(score, int | float) and not isinstance(score, bool)
        if not _KEY.match(key) or not is_number or not math.isfinite(score) or not 0 <= score <= 1:
            fields.fail("epochs", "an answer must be a key of 16 hexadecimal digits and a probability")
    return {key: float(score) for key, score in scores.items()}
