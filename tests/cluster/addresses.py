"""Names and addresses of one boxed node, chosen so that several clones' nodes run side by side."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

Network = ipaddress.IPv4Network
SLOTS = range(32)


@dataclass(frozen=True)
class Addresses:
    """Everything on the machine that two nodes must not share; derived from one slot number."""

    slot: int

    @property
    def link(self) -> str:
        """The host's end of the cable into the box. Creating it claims the slot."""
        return f"trimtab{self.slot}"

    @property
    def cgroup(self) -> str:
        return f"trimtab{self.slot}"

    @property
    def node(self) -> str:
        return f"10.250.{self.slot}.1"

    @property
    def host(self) -> str:
        return f"10.250.{self.slot}.254"

    @property
    def node_network(self) -> str:
        return f"10.250.{self.slot}.0/24"

    @property
    def pods(self) -> str:
        return f"10.244.{self.slot}.0/24"

    @property
    def pod_gateway(self) -> str:
        return f"10.244.{self.slot}.1"

    @property
    def services(self) -> str:
        return f"10.{96 + self.slot}.0.0/16"

    @property
    def api_service(self) -> str:
        return f"10.{96 + self.slot}.0.1"

    @property
    def dns_service(self) -> str:
        return f"10.{96 + self.slot}.0.10"

    @property
    def networks(self) -> tuple[Network, ...]:
        return tuple(Network(text) for text in (self.node_network, self.pods, self.services))


def unused(taken: Collection[Network]) -> Iterator[Addresses]:
    """Slots none of whose networks overlaps one the machine already has a route or an address for."""
    for slot in SLOTS:
        addresses = Addresses(slot)
        if not any(mine.overlaps(other) for mine in addresses.networks for other in taken):
            yield addresses


def taken_networks() -> list[Network]:
    """The machine's routes (all tables) and addresses, the default route apart."""
    routes = _ip_json("-4", "route", "show", "table", "all")
    links = _ip_json("-4", "address", "show")
    found = [str(route["dst"]) for route in routes if route["dst"] != "default"]
    found += [f"{a['local']}/{a['prefixlen']}" for link in links for a in link.get("addr_info", ())]
    return [Network(text, strict=False) for text in found]


def _ip_json(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(["ip", "-json", *arguments], capture_output=True, text=True, check=True)
    answer: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return answer
