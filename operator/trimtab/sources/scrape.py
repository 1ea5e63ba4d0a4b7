"""Scrapes model servers: addresses of our own pods only, no redirects, little time, a bounded answer.

A page is hostile input. What cannot be read is a reason to wait, never a verdict on the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp

from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.page import ServerPage
from trimtab_runtime.contract.serving import MAX_PAGE_BYTES, METRICS_PATH

TIMEOUT_SECONDS: Final = 2.0
CONCURRENT: Final = 64


class Reader(Protocol):
    """Makes counts of what a pod answers."""

    def read(self, data: bytes) -> ServerPage:
        """PageInvalid where the answer cannot be used."""
        ...


@dataclass(frozen=True)
class Target:
    """A pod of one of our workloads, by the address in its status and the port of its frozen template."""

    uid: str
    name: str
    address: str
    port: int
    reader: Reader


@dataclass(frozen=True)
class Scraped:
    """Pages by pod uid, and per pod name why there is none. No address stands in a reason."""

    pages: Mapping[str, ServerPage]
    failures: Mapping[str, str]


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
        return Scraped(pages, failures)

    async def _one(self, target: Target) -> ServerPage | str:
        try:
            async with self._slots, asyncio.timeout(TIMEOUT_SECONDS):
                data = await self._get(target)
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

    async def _get(self, target: Target) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        url = f"http://{_host(target.address)}:{target.port}{METRICS_PATH}"
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != 200:
                raise _Unusable(f"{METRICS_PATH} answered {response.status}")
            data = await response.content.read(MAX_PAGE_BYTES + 1)
            while len(data) <= MAX_PAGE_BYTES and (more := await response.content.read(1 << 16)):
                data += more
            if len(data) > MAX_PAGE_BYTES:
                raise _Unusable(f"{METRICS_PATH} is larger than {MAX_PAGE_BYTES} bytes")
            return data


class _Unusable(Exception):
    """An answer that is no page; the text is safe for status."""


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
