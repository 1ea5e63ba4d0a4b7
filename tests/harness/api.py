"""The API server as a test sees it: plain JSON objects, and waiting for a state of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
from tests.harness.access import Access

from trimtab.model.kinds import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    DRIFT_MONITOR,
    EVENT,
    EXPERIMENT,
    JOB,
    LEASE,
    MODEL_VERSION,
    POD,
    POD_DISRUPTION_BUDGET,
    SERVICE,
    WORKLOAD,
    Kind,
)

__all__ = [
    "CONFIG_MAP",
    "CONTROLLER_REVISION",
    "DEPLOYMENT",
    "DRIFT_MONITOR",
    "EVENT",
    "EXPERIMENT",
    "JOB",
    "LEASE",
    "MODEL_VERSION",
    "POD",
    "POD_DISRUPTION_BUDGET",
    "SERVICE",
    "WORKLOAD",
    "Kind",
]

Object = dict[str, Any]
POLL_SECONDS = 0.05
WAIT_SECONDS = 30.0


class Refused(Exception):
    """A 4xx or 5xx; `status` and `reason` are the server's."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {answer.get('message', answer)}")
        self.status = status
        self.reason = str(answer.get("reason", ""))


class Api:
    """One namespace, as its admin. Safe to use from several threads."""

    def __init__(self, access: Access, namespace: str) -> None:
        self.access = access
        self.namespace = namespace
        self._pool = urllib3.PoolManager(ssl_context=access.tls, maxsize=8)

    def get(self, kind: Kind, name: str) -> Object:
        return self._send("GET", kind.object_path(self.namespace, name))

    def find(self, kind: Kind, name: str) -> Object | None:
        try:
            return self.get(kind, name)
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def list(self, kind: Kind, selector: str = "") -> list[Object]:
        query = {"labelSelector": selector} if selector else {}
        items = self._send("GET", kind.collection_path(self.namespace), query=query)["items"]
        return [{**item, "kind": kind.name, "apiVersion": kind.api_version} for item in items]

    def create(self, kind: Kind, body: Mapping[str, Any]) -> Object:
        return self._send("POST", kind.collection_path(self.namespace), body=body, query=_AS_TEST)

    def replace(self, kind: Kind, body: Mapping[str, Any], subresource: str = "") -> Object:
        path = kind.object_path(self.namespace, body["metadata"]["name"], subresource)
        return self._send("PUT", path, body=body, query=_AS_TEST)

    def patch(self, kind: Kind, name: str, changes: Mapping[str, Any], subresource: str = "") -> Object:
        """A merge patch."""
        path = kind.object_path(self.namespace, name, subresource)
        return self._send("PATCH", path, body=changes, query=_AS_TEST, content_type=_MERGE_PATCH)

    def delete(self, kind: Kind, name: str, propagation: str = "Background", **options: Any) -> None:
        path = kind.object_path(self.namespace, name)
        self._send("DELETE", path, body={"propagationPolicy": propagation, **options})

    def wait(
        self,
        kind: Kind,
        name: str,
        holds: Callable[[Object], object],
        seconds: float = WAIT_SECONDS,
    ) -> Object:
        """The object as soon as `holds` of it; fails with its last state."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.find(kind, name)
            if found is not None and holds(found):
                return found
            if time.monotonic() > deadline:
                state = json.dumps(_told(found), indent=1) if found else "absent"
                raise AssertionError(f"{kind} {name}: waited {seconds:.0f} s in vain; it is {state}")
            time.sleep(POLL_SECONDS)

    def wait_gone(self, kind: Kind, name: str, seconds: float = WAIT_SECONDS) -> None:
        wait_until(lambda: self.find(kind, name) is None, f"{kind} {name} to be gone", seconds)

    def _send(
        self,
        verb: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        url = f"{self.access.url}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self._pool.request(
            verb,
            url,
            body=None if body is None else json.dumps(body),
            headers={"Content-Type": content_type, "User-Agent": "trimtab-tests"},
            timeout=10.0,
        )
        parsed: Object = json.loads(answer.data)
        if answer.status >= 400:
            raise Refused(answer.status, parsed)
        return parsed


def create_namespace(api: Api) -> None:
    api._send("POST", "/api/v1/namespaces", body={"metadata": {"name": api.namespace}})


_AS_TEST = {"fieldManager": "test"}
_MERGE_PATCH = "application/merge-patch+json"


def wait_until(
    holds: Callable[[], object], what: str, seconds: float = WAIT_SECONDS, poll_seconds: float = POLL_SECONDS
) -> None:
    """Return as soon as `holds()`; fails naming `what` was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(poll_seconds)


def condition(obj: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """The condition of a type; empty if it is absent."""
    found = [c for c in obj.get("status", {}).get("conditions", ()) if c["type"] == type_]
    return found[0] if found else {}


def phase(obj: Mapping[str, Any]) -> str:
    return str(obj.get("status", {}).get("phase", ""))


def _told(obj: Object) -> Object:
    """What a failure message should show."""
    return {key: obj[key] for key in ("spec", "status", "data") if key in obj}
