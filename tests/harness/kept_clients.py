"""Clients that connect once and ask for ever, as connection pools do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.harness.model_server import ModelServer


@dataclass
class _Client:
    server: ModelServer
    met_error: bool = False


class KeptClients:
    """`count` clients, each of which asks on its connection at every tick; every `error_every`th of all
    requests fails, whoever serves it.

    A client connects anew only where its server has left, or when a test says so.
    """

    def __init__(self, count: int, error_every: int) -> None:
        self.asked = 0
        self._count = count
        self._error_every = error_every
        self._clients: list[_Client] = []

    def connect_anew(self) -> None:
        """All of them, evenly over what is ready at the next tick."""
        self._clients = []

    def ask(self, ready: Mapping[str, ModelServer]) -> None:
        """Each asks once. ``ready``: the servers behind the Service, by pod uid."""
        servers = [ready[uid] for uid in sorted(ready)]
        self._clients = [client for client in self._clients if client.server in servers]
        while servers and len(self._clients) < self._count:
            client = _Client(servers[len(self._clients) % len(servers)])
            client.server.connect()
            self._clients.append(client)
        for client in self._clients:
            self.asked += 1
            failed = self.asked % self._error_every == 0
            client.server.ask(500 if failed else 200, first_error=failed and not client.met_error)
            client.met_error |= failed
