"""Plays a Gateway controller and its data plane: answers for routes, sends by their weights, and copies."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from tests.harness.api import Api, Refused
from tests.harness.lab import Lab
from tests.harness.serving_pods import ServingPods

from trimtab.model.kinds import GATEWAY, HTTP_ROUTE

Object = dict[str, Any]
NAME, CLASS = "edge", "played"
HOSTNAME = "flights.example"
TRAFFIC = {"provider": "GatewayAPI", "gatewayRef": {"name": NAME}, "hostnames": [HOSTNAME]}
LOOK_SECONDS = 0.1


class PlayedGateway:
    """Set `refusal` to what it says against routes, `copies_nothing` to what it says against those that copy
    requests; `silent` to have it say nothing.

    A route that is refused, or not answered for, changes nothing in the data plane: the old weights hold.
    """

    def __init__(self, api: Api, serving: ServingPods) -> None:
        self.refusal = self.copies_nothing = ""
        self.silent = False
        self.controller = "played.example/gateway"
        self.problems: list[Exception] = []
        self._api, self._serving = Api(api.access, api.namespace), serving
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._play, name="gateway", daemon=True)

    def start(self) -> None:
        self._api.create(GATEWAY, _gateway())
        self._thread.start()

    def stop(self) -> None:
        self._ends.set()
        self._thread.join()
        assert not self.problems, self.problems

    def weights(self, name: str = "flights") -> dict[str, int]:
        """Of the route's spec, by Service; empty without a route."""
        found = self._api.find(HTTP_ROUTE, name)
        return {} if found is None else _weights(found)

    def copies(self, name: str = "flights") -> dict[str, int]:
        """Percent of the requests that the route's spec copies, by Service."""
        found = self._api.find(HTTP_ROUTE, name)
        return {} if found is None else _copies(found)

    def _play(self) -> None:
        while not self._ends.wait(LOOK_SECONDS):
            try:
                for route in self._api.list(HTTP_ROUTE):
                    self._answer(route)
            except Refused as refused:
                if refused.status not in (404, 409):  # the route, or its kind, went meanwhile
                    self.problems.append(refused)

    def _answer(self, route: Object) -> None:
        if self.silent:
            return
        refusal = self.refusal or (self.copies_nothing if _mirrors(route) else "")
        if not refusal and not _is_asked_for_nobody(route):
            self._serving.shares, self._serving.copies = _weights(route), _copies(route)
        status = {"parents": [_parent(route, refusal, self.controller)]}
        if route.get("status") != status:
            self._api.patch(HTTP_ROUTE, route["metadata"]["name"], {"status": status}, "status")


def _weights(route: Object) -> dict[str, int]:
    """Of requests without a header: the clients of a lab send none."""
    rules = [rule for rule in route["spec"]["rules"] if "headers" not in rule["matches"][0]]
    backends = [backend for rule in rules for backend in rule["backendRefs"]]
    return {backend["name"]: backend["weight"] for backend in backends if backend["weight"]}


def _mirrors(route: Object) -> list[Object]:
    filters = [each for rule in route["spec"]["rules"] for each in rule.get("filters", ())]
    return [each["requestMirror"] for each in filters if each["type"] == "RequestMirror"]


def _copies(route: Object) -> dict[str, int]:
    return {mirror["backendRef"]["name"]: mirror.get("percent", 100) for mirror in _mirrors(route)}


def _is_asked_for_nobody(route: Object) -> bool:
    """Whether every rule wants a header, which the clients of a lab do not send."""
    return all("headers" in rule["matches"][0] for rule in route["spec"]["rules"])


def _parent(route: Object, refusal: str, controller: str) -> Object:
    conditions = [
        {
            "type": type_,
            "status": "False" if refusal else "True",
            "reason": "NotAllowedByListeners" if refusal else type_,
            "message": refusal,
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for type_ in ("Accepted", "ResolvedRefs")
    ]
    return {
        "parentRef": route["spec"]["parentRefs"][0],
        "controllerName": controller,
        "conditions": conditions,
    }


def _gateway() -> Object:
    return {
        "apiVersion": GATEWAY.api_version,
        "kind": GATEWAY.name,
        "metadata": {"name": NAME},
        "spec": {
            "gatewayClassName": CLASS,
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    }


@contextlib.contextmanager
def played(lab: Lab) -> Iterator[PlayedGateway]:
    gateway = PlayedGateway(lab.api, lab.player.serving)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()
