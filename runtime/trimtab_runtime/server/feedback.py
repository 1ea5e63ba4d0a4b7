"""Labels that come back: each token counts once per replica, by version, score bucket, label and age."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trimtab_runtime.contract.serving import DUPLICATE, EXPIRED, MALFORMED, UNKNOWN_VERSION
from trimtab_runtime.contract.token import Token, parse_token

from .counters import Counters

MAX_LABELS = 1000
CLOCK_SKEW_SECONDS = 300  # between the replica that answered and this one
_LABELS = {0: "0", 1: "1"}  # true and false are equal to them
_HOUR_SECONDS = 3600


class Unreadable(Exception):
    """A body that is no list of labels; the message says what is."""


class RecentNonces:
    """Remembers half a million nonces in 4 MiB, whatever happens: four per set, the oldest goes.

    A nonce that was forgotten is accepted again, and then shows as more labels than answers in a bucket.
    """

    _WAYS = 4

    def __init__(self, sets: int = 1 << 17) -> None:
        self._sets = sets
        self._slots = array("Q", bytes(8 * self._WAYS * sets))

    def add(self, nonce: str) -> bool:
        """False if the nonce is remembered."""
        key = int.from_bytes(base64.urlsafe_b64decode(nonce)[:8]) or 1  # 0 is an empty slot
        first = key % self._sets * self._WAYS
        recent = self._slots[first : first + self._WAYS]
        if key in recent:
            return False
        recent.pop()
        recent.insert(0, key)
        self._slots[first : first + self._WAYS] = recent
        return True


@dataclass(frozen=True)
class Feedback:
    """Takes decoded bodies of POST /feedback."""

    counters: Counters
    model_digest: str
    max_age_seconds: int
    nonces: RecentNonces
    clock: Callable[[], float]

    def receive(self, body: Any) -> dict[str, Any]:
        """Count what can be counted: {"accepted": n, "rejected": [{"index", "reason"}]}."""
        items = body if isinstance(body, list) else [body]
        if not all(isinstance(item, dict) for item in items):
            raise Unreadable('send {"token":"...","label":0} or a list of them')
        if len(items) > MAX_LABELS:
            raise Unreadable(f"{len(items)} labels: send at most {MAX_LABELS} at once")
        now = self.clock()
        reasons = [self._count(item, now) for item in items]
        rejected = [{"index": index, "reason": reason} for index, reason in enumerate(reasons) if reason]
        return {"accepted": len(items) - len(rejected), "rejected": rejected}

    def _count(self, item: dict[str, Any], now_seconds: float) -> str | None:
        reason = self._refusal(parse_token(item.get("token")), _label(item), now_seconds)
        if reason:
            self.counters.label_rejected(reason)
        return reason

    def _refusal(self, token: Token | None, label: str | None, now_seconds: float) -> str | None:
        """Why a label is not counted; None if it was."""
        if token is None or label is None or self._is_impossible(token, now_seconds):
            return MALFORMED
        age_seconds = max(0.0, now_seconds - token.answered_seconds)
        if age_seconds > self.max_age_seconds:
            return EXPIRED
        if not self.nonces.add(token.nonce):
            return DUPLICATE
        if not self.counters.label(token.model_digest, token.bucket, label, age_label(age_seconds)):
            return UNKNOWN_VERSION
        return None

    def _is_impossible(self, token: Token, now_seconds: float) -> bool:
        is_ours = token.model_digest == self.model_digest
        is_future = token.answered_seconds > now_seconds + CLOCK_SKEW_SECONDS
        return is_future or (is_ours and token.bucket >= self.counters.score_buckets)


def age_label(seconds: float) -> str:
    """Whole hours between answer and label, as the contract groups them."""
    match int(seconds // _HOUR_SECONDS):
        case 0:
            return "0"
        case 1:
            return "1"
        case hours if hours < 24:
            return "2-23"
        case _:
            return "24+"


def _label(item: dict[str, Any]) -> str | None:
    label = item.get("label")
    return _LABELS.get(label) if isinstance(label, int) else None
