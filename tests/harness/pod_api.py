"""What a kubelet asks of the API server, for the player: watch, bind, report a status, finish a deletion."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from tests.harness.access import Access

from trimtab.model.kinds import POD, Kind

Object = dict[str, Any]
NODE = "played"
GONE = (404, 409)  # deleted meanwhile, or another object of the name
_AGENT = {"User-Agent": "trimtab-tests-player"}
logger = logging.getLogger(__name__)


class PodApi:
    """Belongs to the harness' event loop: `start` and `close` are called there."""

    def __init__(self, access: Access, namespace: str) -> None:
        self._access = access
        self._namespace = namespace

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._access.tls, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers=_AGENT)

    async def close(self) -> None:
        await self._session.close()

    async def ensure_node(self) -> None:
        """The one node that all played pods with an address are bound to: endpoints need one."""
        body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        await self._send("POST", "/api/v1/nodes", body, accepted=(201, 409))

    async def watch(self, kind: Kind, selector: str, see: Callable[[str, Object], None]) -> None:
        """Watch from the beginning, and again when the server ends or loses the watch."""
        url = f"{self._access.url}{kind.collection_path(self._namespace)}"
        query = {"watch": "true", "labelSelector": selector}
        timeout = aiohttp.ClientTimeout(total=None)
        while True:
            try:
                async with self._session.get(url, params=query, timeout=timeout) as answer:
                    async for line in answer.content:
                        event = json.loads(line)
                        if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                            see(event["type"], event["object"])
            except (aiohttp.ClientError, ValueError) as error:
                logger.info("the watch of %s is opened again: %r", kind, error)
                await asyncio.sleep(0.2)

    async def report(self, pod: Object, status: Object) -> None:
        body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        path = POD.object_path(self._namespace, pod["metadata"]["name"], "status")
        await self._send("PATCH", path, body, accepted=(200, *GONE), content="application/merge-patch+json")

    async def bind(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        meta = {"name": name, "uid": pod["metadata"]["uid"]}
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target}
        path = POD.object_path(self._namespace, name, "binding")
        await self._send("POST", path, body, accepted=(201, *GONE))

    async def finish(self, pod: Object) -> None:
        """The last word of a kubelet on a pod that was deleted: its containers have ended."""
        preconditions = {"uid": pod["metadata"]["uid"]}
        body = {"gracePeriodSeconds": 0, "preconditions": preconditions}
        path = POD.object_path(self._namespace, pod["metadata"]["name"])
        await self._send("DELETE", path, body, accepted=(200, *GONE))

    async def _send(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any],
        *,
        accepted: tuple[int, ...],
        content: str = "application/json",
    ) -> None:
        url = f"{self._access.url}{path}"
        headers = {"Content-Type": content}
        async with self._session.request(verb, url, data=json.dumps(body), headers=headers) as answer:
            assert answer.status in accepted, f"{verb} {path}: {answer.status} {await answer.text()}"
