"""What the API server's bytes say: lines of a stream, and objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines of a stream; its own reader refuses lines of over 64 KiB."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line


def parse(text: bytes) -> dict[str, Any]:
    """The object; empty for what is none."""
    try:
        answer = orjson.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
