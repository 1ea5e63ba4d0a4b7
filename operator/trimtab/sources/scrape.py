"""Scrapes model servers: addresses of our own pods only, no redirects, little time, a bounded answer.

A page is hostile input. What cannot be read is a reason to wait, never a verdict on the model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp

from trimtab_runtime.contract.answers import ANSWERS_PATH, MAX_ANSWERS_BYTES, Answers, read_answers
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.page import ServerPage
from trimtab_runtime.contract.serving import MAX_PAGE_BYTES, METRICS_PATH

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 2.0
CONCURRENT: Final = 64


class Reader(Protocol):
    """Makes counts of what a pod answers."""

    def read(self, data: bytes) -> ServerPage:
        """PageInvalid where the answer cannot be used."""
        ...


@dataclass(frozen=True)
class Target:
    """A pod of one of our workloads, by the address in its status and the port of its frozen template.

    ``answers_of``: the digest of the model whose answers are asked for as well; empty: they are not.
    """

    uid: str
    name: str
    address: str
    port: int
    reader: Reader
    answers_of: str = ""


@dataclass(frozen=True)
class Scraped:
    """Pages by pod uid, and per pod name why there is none. No address stands in a reason.

    ``answers``: of the pods that were asked for them and told some; nothing waits for them.
    """

    pages: Mapping[str, ServerPage]
    failures: Mapping[str, str]
    answers: Mapping[str, Answers]


class Scraper:
    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(CONCURRENT)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def scrape(self, targets: Sequence[Target]) -> Scraped:
        """All targets at once; never raises for what a server does."""
        results = await asyncio.gather(*(self._one(target) for target in targets))
        pages = {t.uid: r for t, r in zip(targets, results, strict=True) if isinstance(r, ServerPage)}
        failures = {t.name: r for t, r in zip(targets, results, strict=True) if isinstance(r, str)}
        telling = [target for target in targets if target.answers_of and target.uid in pages]
        told = await asyncio.gather(*(self._answers(target) for target in telling))
        return Scraped(
            pages, failures, {t.uid: a for t, a in zip(telling, told, strict=True) if a is not None}
        )

    async def _answers(self, target: Target) -> Answers | None:
        """None where they cannot be had: an older image tells none."""
        try:
            async with self._slots, asyncio.timeout(TIMEOUT_SECONDS):
                data = await self._get(target, ANSWERS_PATH, MAX_ANSWERS_BYTES)
            return read_answers(data, target.answers_of)
        except (TimeoutError, _Unusable, ContractError, aiohttp.ClientError, OSError) as error:
            logger.debug("answers of pod %s: %s", target.name, type(error).__name__)
            return None

    async def _one(self, target: Target) -> ServerPage | str:
        try:
            async with self._slots, asyncio.timeout(TIMEOUT_SECONDS):
                data = await self._get(target, METRICS_PATH, MAX_PAGE_BYTES)
        except TimeoutError:
            return f"no answer within {TIMEOUT_SECONDS:.0f} s"
        except _Unusable as error:
            return str(error)
        except (aiohttp.ClientError, OSError) as error:
            return f"no connection ({type(error).__name__})"
        try:
            return target.reader.read(data)
        except ContractError as error:
            return f"{error.field}: {error.message}"

    async def _get(self, target: Target, path: str, most_bytes: int) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        url = f"http://{_host(target.address)}:{target.port}{path}"
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise _Unusable(f"{path} answered {response.status}")
            data = await response.content.read(most_bytes + 1)
            while len(data) <= most_bytes and (more := await response.content.read(1 << 16)):
                data += more
            if len(data) > most_bytes:
                raise _Unusable(f"{path} is larger than {most_bytes} bytes")
            return data


class _Unusable(Exception):
    """An answer that is no page; the text is safe for status."""


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
