"""Hashes of JSON values that are stable between processes and Python versions."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """One text per JSON value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def short_hash(value: Any, length: int = 10) -> str:
    """The first ``length`` hexadecimal characters of the value's SHA-256."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]
