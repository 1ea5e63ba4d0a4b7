"""Strict JSON: closed objects, no duplicate keys, no NaN, typed and bounded fields, canonical bytes."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from .errors import ContractError, Reason

CONTRACT = 1
MAX_JSON_BYTES = 1 << 20

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def canonical(value: object) -> bytes:
    """The one byte form in which we write JSON: sorted keys, no blanks, UTF-8, finite numbers only."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def sha256_digest(data: bytes) -> str:
    """OCI digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parse_json(data: bytes | str, *, reason: Reason, name: str, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Parse JSON as RFC 8259 has it: UTF-8, no NaN or Infinity, no key twice, no more than `max_bytes`."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > max_bytes:
        raise ContractError(reason, name, f"{len(raw)} bytes, at most {max_bytes} are allowed")

    def constant(token: str) -> NoReturn:
        raise ContractError(reason, name, f"{token} is not a JSON number")

    def pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise ContractError(reason, name, "a key occurs twice in one object")
        return result

    try:
        return json.loads(raw.decode("utf-8"), parse_constant=constant, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise ContractError(reason, name, "not valid JSON") from error


@dataclass
class Fields:
    """A JSON object being read: every getter names its field on failure, `end()` refuses what is left."""

    value: Any
    reason: Reason
    path: str
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if not isinstance(self.value, dict):
            self.fail("", "must be an object")

    def where(self, key: str) -> str:
        return ".".join(part for part in (self.path, key) if part)

    def fail(self, key: str, message: str) -> NoReturn:
        raise ContractError(self.reason, self.where(key), message)

    def has(self, key: str) -> bool:
        return self.value.get(key) is not None

    def take(self, key: str) -> Any:
        self._seen.add(key)
        if key not in self.value:
            self.fail(key, "is missing")
        return self.value[key]

    def text(self, key: str, *, pattern: re.Pattern[str] | None = None, max_length: int = 1024) -> str:
        value = self.take(key)
        if not isinstance(value, str) or len(value) > max_length:
            self.fail(key, f"must be a string of at most {max_length} characters")
        if pattern is not None and not pattern.match(value):
            self.fail(key, f"must match {pattern.pattern}")
        return value

    def optional_text(self, key: str, **limits: Any) -> str:
        self.allow(key)
        return self.text(key, **limits) if self.value.get(key, "") != "" else ""

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        value = self.take(key)
        if value not in allowed:
            self.fail(key, f"must be one of {', '.join(allowed)}")
        return str(value)

    def digest(self, key: str) -> str:
        return self.text(key, pattern=DIGEST, max_length=71)

    def boolean(self, key: str, *, default: bool | None = None) -> bool:
        if default is not None and key not in self.value:
            return default
        value = self.take(key)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false")
        return value

    def integer(self, key: str, *, low: int = 0, high: int = 2**53) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fail(key, f"must be an integer from {low} to {high}")
        return value

    def number(self, key: str) -> float:
        return finite(self.take(key), self.reason, self.where(key))

    def numbers(self, key: str, *, max_items: int) -> tuple[float, ...]:
        items = self.array(key, max_items=max_items)
        return tuple(finite(item, self.reason, f"{self.where(key)}[{i}]") for i, item in enumerate(items))

    def integers(self, key: str, *, max_items: int) -> tuple[int, ...]:
        items = self.array(key, max_items=max_items)
        for i, item in enumerate(items):
            if isinstance(item, bool) or not isinstance(item, int) or item < 0:
                self.fail(f"{key}[{i}]", "must be an integer of at least 0")
        return tuple(items)

    def array(self, key: str, *, max_items: int) -> list[Any]:
        value = self.take(key)
        if not isinstance(value, list) or len(value) > max_items:
            self.fail(key, f"must be a list of at most {max_items} items")
        return value

    def object(self, key: str) -> Fields:
        return Fields(self.take(key), self.reason, self.where(key))

    def objects(self, key: str, *, max_items: int) -> Iterator[Fields]:
        for i, item in enumerate(self.array(key, max_items=max_items)):
            yield Fields(item, self.reason, f"{self.where(key)}[{i}]")

    def texts(self, key: str, *, max_items: int = 64, max_length: int = 1024) -> Mapping[str, str]:
        """A map of strings."""
        value = self.take(key)
        if not isinstance(value, dict) or len(value) > max_items:
            self.fail(key, f"must be an object of at most {max_items} entries")
        for name, item in value.items():
            if not isinstance(item, str) or len(item) > max_length or len(name) > 256:
                self.fail(f"{key}.{name[:64]}", f"must be a string of at most {max_length} characters")
        return dict(value)

    def contract(self) -> None:
        """Require `"contract": 1`: a newer writer is refused, not half understood."""
        if self.take("contract") != CONTRACT or isinstance(self.value["contract"], bool):
            self.fail("contract", f"must be {CONTRACT}: operator and runtime images must be of one version")

    def allow(self, *keys: str) -> None:
        """Fields that are known and may be absent or null."""
        self._seen.update(keys)

    def end(self) -> None:
        unknown = sorted(set(self.value) - self._seen)
        if unknown:
            self.fail(unknown[0][:64], "is not a field of this object")


def finite(value: Any, reason: Reason, where: str) -> float:
    """A JSON number as a finite float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ContractError(reason, where, "must be a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ContractError(reason, where, "must be a finite number")
    return result
