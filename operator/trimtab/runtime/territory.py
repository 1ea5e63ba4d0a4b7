"""Which namespaces an operator of the whole cluster keeps out of: those with a live operator of their own.

An operator of one namespace holds a Lease of a fixed name there. Whether that is alive is told by its being
renewed, as seen from here: the clocks of two machines need not agree. Between two looks both may act for
some seconds; every write carries the resourceVersion it was decided on, so the later one loses.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from trimtab.cluster.client import Client, Object
from trimtab.model.errors import Transient
from trimtab.model.kinds import LEASE
from trimtab.runtime.election import LEASE_SECONDS
from trimtab.runtime.rbac import NAMESPACE_LEASE

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class _Seen:
    """A Lease as it was when it last changed."""

    version: str
    at: float


class Territory:
    def __init__(
        self, client: Client | None, *, own_lease: tuple[str, str], freed: Callable[[str], None]
    ) -> None:
        """``client`` None: the operator was told its namespaces, and all of them are its own."""
        self.known = asyncio.Event()
        """Set once the Leases were read: nothing may be reconciled before."""
        self._client = client
        self._own_lease = own_lease
        self._freed = freed
        self._seen: dict[str, _Seen] = {}
        self._foreign: frozenset[str] = frozenset()

    def is_ours(self, namespace: str) -> bool:
        return namespace not in self._foreign

    async def run(self) -> None:
        """Look for ever; after a first look only, if there is nothing to look for."""
        while self._client is not None:
            try:
                selector = f"metadata.name={NAMESPACE_LEASE}"
                leases = await self._client.list(LEASE, None, field_selector=selector)
            except Transient as error:
                logger.warning("leases of namespaces not read: %s", error)
            else:
                self.look(leases, time.monotonic())
                self.known.set()
            await asyncio.sleep(LOOK_SECONDS)
        self.known.set()
        await asyncio.Event().wait()

    def look(self, leases: Iterable[Object], now: float) -> None:
        """Take in all Leases of the fixed name, as they are at a monotonic moment."""
        held = {
            lease["metadata"]["namespace"]: lease["metadata"]["resourceVersion"]
            for lease in leases
            if lease["spec"].get("holderIdentity")
            and (lease["metadata"]["namespace"], lease["metadata"]["name"]) != self._own_lease
        }
        self._seen = {
            namespace: self._changed(namespace, version, now) for namespace, version in held.items()
        }
        live = frozenset(name for name, seen in self._seen.items() if now - seen.at < LEASE_SECONDS)
        freed, self._foreign = self._foreign - live, live
        for namespace in sorted(freed):
            logger.info("namespace %s has no operator of its own any more", namespace)
            self._freed(namespace)

    def _changed(self, namespace: str, version: str, now: float) -> _Seen:
        known = self._seen.get(namespace)
        return known if known is not None and known.version == version else _Seen(version, now)
