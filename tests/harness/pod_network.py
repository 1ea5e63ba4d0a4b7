"""Addresses for played pods: a range in which every address is this machine, without an interface each.

Loopback addresses would need no set-up, but the API server takes none into an EndpointSlice.
"""

from __future__ import annotations

import functools
import random
import shutil
import subprocess

from tests.cluster import packages

# Set aside for tests of networks (RFC 2544), so nobody's route is hidden.
RANGE = "198.19"


@functools.cache
def ensure() -> None:
    """All of the range is local from now on; the route is one for all test runs of the machine, and stays."""
    if shutil.which("ip") is None:
        packages.ensure(("iproute2",))
    subprocess.run(["ip", "route", "replace", "local", f"{RANGE}.0.0/16", "dev", "lo"], check=True)


def some_address() -> str:
    """One of 65,000. Who binds it owns it: if another has it, take the next one."""
    ensure()
    return f"{RANGE}.{random.randint(0, 255)}.{random.randint(1, 254)}"
