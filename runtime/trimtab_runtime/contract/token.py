"""Label tokens: what an answer says about itself, so that a label can be counted later by any replica.

    base64url({"b":score bucket,"c":class,"m":manifest digest,"n":96-bit nonce,"t":unix seconds,"v":1})

Canonical JSON without padding, opaque to clients. Nothing about the row is in it. Not signed: whoever can
reach the Service can make one.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from .profile import MAX_SCORE_EDGES

TOKENS_PARAMETER = "trimtab_tokens"
MAX_TOKEN_LENGTH = 256
NONCE_BYTES = 12
_TOKEN = re.compile(
    rb'\{"b":(0|[1-9][0-9]?),"c":([01]),"m":"(sha256:[0-9a-f]{64})",'
    rb'"n":"([A-Za-z0-9_-]{16})","t":(0|[1-9][0-9]{0,11}),"v":1\}\Z'
)


@dataclass(frozen=True, slots=True)
class Token:
    """One answered row: which version, which score bucket, which class, when. `nonce` tells rows apart."""

    model_digest: str
    bucket: int
    predicted: int
    answered_seconds: int
    nonce: str


def format_nonce(random: bytes) -> str:
    """The text form of NONCE_BYTES random bytes."""
    return base64.urlsafe_b64encode(random).decode()


def format_token(token: Token) -> str:
    """The text that an answer carries."""
    # Written by hand: one per answered row, and every value is of a closed alphabet.
    value = (
        f'{{"b":{token.bucket},"c":{token.predicted},"m":"{token.model_digest}",'
        f'"n":"{token.nonce}","t":{token.answered_seconds},"v":1}}'
    )
    return base64.urlsafe_b64encode(value.encode()).rstrip(b"=").decode()


def parse_token(text: object) -> Token | None:
    """The token, or None for anything that `format_token` does not write."""
    if not isinstance(text, str) or len(text) > MAX_TOKEN_LENGTH or not text.isascii():
        return None
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    found = _TOKEN.match(data)
    if found is None or int(found[1]) > MAX_SCORE_EDGES:
        return None
    return Token(found[3].decode(), int(found[1]), int(found[2]), int(found[5]), found[4].decode())
