"""The one door to the API server: raw JSON over the official client's connection and credentials.

Typed models of the client are not used: they drop fields that a newer server knows. Retries are not done
here; the queue retries whole passes, so that every decision is made on fresh state.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config as kube_config
from kubernetes.aio.client import ApiClient, Configuration

from trimtab import __version__
from trimtab.cluster.answers import lines, parse
from trimtab.cluster.pace import Pace
from trimtab.model.errors import Conflict, Exists, Gone, Transient, TrimtabError
from trimtab.model.kinds import SELF_SUBJECT_REVIEW, Kind, ObjectKey
from trimtab.model.names import FIELD_MANAGER, SCALE_FIELD_MANAGER
from trimtab.model.plan import Body

USER_AGENT = f"trimtab/{__version__}"
LIST_CHUNK = 100
WATCH_SECONDS = 300
# The server sends a bookmark about every minute.
WATCH_SILENCE_SECONDS = 70.0
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

Object = dict[str, Any]


class NoAnswer(Transient):
    """The request may or may not have been carried out: the object's state is unknown."""

    def __init__(self, verb: str, path: str) -> None:
        super().__init__("ApiUnavailable", f"no answer from the API server to {verb} {path}")


class Refused(TrimtabError):
    """A 4xx that no retry will mend: invalid object, forbidden, admission refusal, quota."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


def pod_namespace() -> str:
    """The namespace of the pod that this process runs in; empty outside of pods."""
    return _POD_NAMESPACE.read_text().strip() if _POD_NAMESPACE.is_file() else ""


def kubeconfig() -> str | None:
    """What KUBECONFIG says now, which the library reads only when it is imported; None: its default path."""
    return os.environ.get("KUBECONFIG") or None


async def load_configuration() -> Configuration:
    """In-cluster credentials when there are some, else the user's kubeconfig."""
    configuration = Configuration()
    try:
        kube_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except kube_config.ConfigException:
        await kube_config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig(), client_configuration=configuration
        )
    return configuration


class Client:
    """Requests of one purpose (reconciling, or the election) with one timeout.

    Raises Gone, Exists, Conflict, Refused, NoAnswer or Transient; returns parsed JSON.
    """

    def __init__(
        self, api: ApiClient, *, timeout_seconds: float, observe: Any = None, pace: Pace | None = None
    ) -> None:
        self.api = api
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._pace = pace
        self._observe = observe or (lambda verb, plural, code: None)

    @classmethod
    async def connect(
        cls,
        *,
        timeout_seconds: float,
        observe: Any = None,
        pace: Pace | None = None,
        connections: int | None = None,
    ) -> Client:
        """``connections``: at the same time, 0 = any number; by default the library's 100."""
        configuration = await load_configuration()
        if connections is not None:
            configuration.connection_pool_maxsize = connections
        api = ApiClient(configuration=configuration)
        api.user_agent = USER_AGENT
        return cls(api, timeout_seconds=timeout_seconds, observe=observe, pace=pace)

    async def close(self) -> None:
        await self.api.close()  # type: ignore[no-untyped-call]

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        return await self._send("GET", kind, kind.object_path(namespace, name))

    async def find(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None if it does not exist now."""
        try:
            return await self.get(kind, namespace, name)
        except Gone:
            return None

    async def pages(
        self, kind: Kind, namespace: str | None, *, label_selector: str = "", field_selector: str = ""
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """Chunked LIST: yields (items, resourceVersion of the list). The next chunk is asked for before a
        chunk is yielded, so that the server works on it while the caller works on this one."""
        query = {"limit": str(LIST_CHUNK)}
        if label_selector:
            query["labelSelector"] = label_selector
        if field_selector:
            query["fieldSelector"] = field_selector
        path = kind.collection_path(namespace)
        asked: asyncio.Task[Object] | None = asyncio.create_task(self._send("GET", kind, path, query=query))
        try:
            while asked is not None:
                page, asked = await asked, None
                rest = page["metadata"].get("continue")
                if rest:
                    following = {**query, "continue": rest}
                    asked = asyncio.create_task(self._send("GET", kind, path, query=following))
                    await asyncio.sleep(0)  # it is on its way
                items = [
                    {**item, "kind": kind.name, "apiVersion": kind.api_version} for item in page["items"]
                ]
                yield items, page["metadata"]["resourceVersion"]
        finally:
            if asked is not None:
                asked.cancel()

    async def watch(
        self, kind: Kind, namespace: str | None, version: str, *, label_selector: str = ""
    ) -> AsyncIterator[tuple[str, Object]]:
        """Events after a resourceVersion, as (type, object), until the server ends the stream.

        BOOKMARK objects have a resourceVersion only. Raises Gone when the server no longer has that version,
        else as any request; silence for longer than WATCH_SILENCE_SECONDS is NoAnswer.
        """
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        path = kind.collection_path(namespace)
        patience = aiohttp.ClientTimeout(total=None, sock_read=WATCH_SILENCE_SECONDS)
        try:
            response = await self._request("GET", path, query=query, patience=patience)
            self._observe("WATCH", kind.plural, str(response.status))
            if response.status >= 400:
                raise _error("WATCH", path, response.status, parse(await response.read()))
            try:
                async for line in lines(response.content.iter_any()):
                    event = parse(line)
                    obj = event.get("object", {})
                    if event.get("type") == "ERROR":
                        raise _error("WATCH", path, int(obj.get("code", 500)), obj)
                    yield str(event.get("type", "")), obj
            finally:
                response.close()
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            raise NoAnswer("WATCH", path) from error

    async def list(
        self, kind: Kind, namespace: str | None, *, label_selector: str = "", field_selector: str = ""
    ) -> list[Object]:
        found: list[Object] = []
        pages = self.pages(kind, namespace, label_selector=label_selector, field_selector=field_selector)
        async for items, _ in pages:
            found += items
        return found

    async def create(self, kind: Kind, body: Body) -> Object:
        path = kind.collection_path(body["metadata"]["namespace"])
        return await self._send("POST", kind, path, body=body, query={"fieldManager": FIELD_MANAGER})

    async def replace(
        self, kind: Kind, body: Body, *, subresource: str = "", timeout_seconds: float | None = None
    ) -> Object:
        meta = body["metadata"]
        path = kind.object_path(meta["namespace"], meta["name"], subresource)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._send("PUT", kind, path, body=body, query={"fieldManager": FIELD_MANAGER})
        except TimeoutError as error:
            raise NoAnswer("PUT", path) from error

    async def merge_patch(self, kind: Kind, namespace: str, name: str, changes: Body) -> Object:
        path = kind.object_path(namespace, name)
        query = {"fieldManager": FIELD_MANAGER}
        return await self._send(
            "PATCH", kind, path, body=changes, query=query, content_type="application/merge-patch+json"
        )

    async def serves(self, kind: Kind) -> bool:
        """Whether the API server knows the kind now."""
        try:
            answer = await self._send("GET", kind, f"/apis/{kind.group}/{kind.version}")
        except Gone:
            return False
        return any(resource["name"] == kind.plural for resource in answer.get("resources", ()))

    async def who_am_i(self) -> str:
        """The user name under which the API server knows this client."""
        review = {"apiVersion": SELF_SUBJECT_REVIEW.api_version, "kind": SELF_SUBJECT_REVIEW.name}
        path = SELF_SUBJECT_REVIEW.collection_path(None)
        answer = await self._send("POST", SELF_SUBJECT_REVIEW, path, body=review)
        return str(answer["status"]["userInfo"]["username"])

    async def apply(self, kind: Kind, body: Body, *, force: bool) -> Object:
        """Server-side apply. A uid or resourceVersion in the body that is not the server's is a Conflict."""
        meta = body["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        path = kind.object_path(meta["namespace"], meta["name"])
        try:
            return await self._send(
                "PATCH", kind, path, body=body, query=query, content_type="application/apply-patch+yaml"
            )
        except Refused as error:
            if error.status == 422 and "uid" in error.message:  # the object was re-created under its name
                raise Conflict(error.message) from error
            raise

    async def scale(
        self, kind: Kind, namespace: str, name: str, replicas: int, resource_version: str
    ) -> Object:
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": resource_version},
            "spec": {"replicas": replicas},
        }
        path = kind.object_path(namespace, name, "scale")
        return await self._send("PUT", kind, path, body=body, query={"fieldManager": SCALE_FIELD_MANAGER})

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str, resource_version: str, foreground: bool
    ) -> Object:
        options = {
            "propagationPolicy": "Foreground" if foreground else "Background",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        return await self._send("DELETE", kind, kind.object_path(namespace, name), body=options)

    async def _send(
        self,
        verb: str,
        kind: Kind,
        path: str,
        *,
        body: Body | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        if self._pace is not None and verb != "GET":
            await self._pace.take()
        try:
            status, text = await self._exchange(verb, path, body, query, content_type)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            self._observe(verb, kind.plural, "none")
            raise NoAnswer(verb, path) from error
        self._observe(verb, kind.plural, str(status))
        answer = parse(text)
        if status >= 400:
            raise _error(verb, path, status, answer)
        return answer

    async def _exchange(
        self, verb: str, path: str, body: Body | None, query: Mapping[str, str] | None, content_type: str
    ) -> tuple[int, bytes]:
        response = await self._request(
            verb, path, body=body, query=query, content_type=content_type, patience=self._timeout
        )
        return response.status, await response.read()

    async def _request(
        self,
        verb: str,
        path: str,
        *,
        patience: aiohttp.ClientTimeout,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        content_type: str = "application/json",
    ) -> aiohttp.ClientResponse:
        headers = {"Content-Type": content_type, "Accept": "application/json", "User-Agent": USER_AGENT}
        await self.api.update_params_for_auth(headers, [], ["BearerToken"], path, verb, body)
        url = f"{self.api.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = await self.api.rest_client.request(  # type: ignore[no-untyped-call]
            verb, url, headers=headers, body=body, _request_timeout=patience
        )
        response: aiohttp.ClientResponse = answer.response
        return response


def _error(verb: str, path: str, status: int, answer: Object) -> TrimtabError:
    reason = str(answer.get("reason", ""))
    message = str(answer.get("message", ""))[:600]
    match status, reason:
        case ((404 | 410), _):
            return Gone(path)
        case 409, "AlreadyExists":
            return Exists(path)
        case 409, _:
            return Conflict(message)
        case ((429 | 500 | 502 | 503 | 504), _):
            return Transient("ApiUnavailable", f"the API server answered {status} to {verb} {path}")
        case 401, _:
            return Transient("ApiUnauthorized", "the API server does not accept the operator's token")
        case _:
            return Refused(status, reason or str(status), message)


def key_of(kind: Kind, obj: Body) -> ObjectKey:
    return ObjectKey(kind.id, obj["metadata"]["namespace"], obj["metadata"]["name"])
