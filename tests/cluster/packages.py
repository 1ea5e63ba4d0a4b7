"""Debian packages that the local cluster and the image build need, installed where they are missing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cluster.cache import cache_dir, exclusive
from tests.cluster.progress import CannotContinue, step

CONTROL_PLANE = ("openssl",)
NODE = (
    *CONTROL_PLANE,
    *("containerd", "runc", "containernetworking-plugins", "iptables", "iproute2", "conntrack", "procps"),
    *("gcc", "libc6-dev", "binutils"),
)
IMAGES = ("buildah", "debootstrap", "ca-certificates")
POLICY = Path("/usr/sbin/policy-rc.d")
_OURS = "#!/bin/sh\n# Placed while packages for Trimtab's tests are installed: start no service.\nexit 101\n"


def ensure(packages: Sequence[str]) -> None:
    """Install what is missing; raises CannotContinue naming it where that is not possible."""
    missing = [package for package in packages if not is_installed(package)]
    if not missing:
        return
    remedy = f"Run as root: apt-get install --no-install-recommends {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise CannotContinue(f"missing: {', '.join(missing)}, and this is no Debian (no apt-get).")
    if os.geteuid() != 0:
        raise CannotContinue(f"missing Debian packages, and installing them needs root. {remedy}")
    with exclusive(cache_dir() / ".apt.lock", "apt-get"), _no_service_starts():
        _install(missing, remedy)


def is_installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    try:
        return subprocess.run(query, capture_output=True, text=True).stdout == "installed"
    except FileNotFoundError:
        return False


def _install(missing: Sequence[str], remedy: str) -> None:
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing Debian packages: {' '.join(missing)}", usual_seconds=20):
        # A stale or partly unreachable list is no reason to stop: the installation decides.
        subprocess.run([*apt, "update"], env=environment, stdout=subprocess.DEVNULL)
        install = [*apt, "install", "--yes", "--no-install-recommends", *missing]
        if subprocess.run(install, env=environment, stdout=subprocess.DEVNULL).returncode:
            raise CannotContinue(
                "apt-get could not install them (its message is above). Is the Debian mirror reachable? "
                + remedy
            )
        if "containerd" in missing and shutil.which("systemctl"):
            # Its package enables the service for the next boot; the node starts its own, boxed one.
            subprocess.run(["systemctl", "disable", "--quiet", "containerd"], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Keep maintainer scripts from starting services: containerd may only ever run inside the node's box.

    invoke-rc.d asks policy-rc.d; a policy of the machine that already forbids is left as it is.
    """
    saved = POLICY.with_name("policy-rc.d.before-trimtab")
    if POLICY.is_file() and POLICY.read_text() == _OURS:
        POLICY.unlink()  # left by an interrupted run
    if saved.is_file():
        saved.rename(POLICY)
    if POLICY.is_file() and subprocess.run([POLICY, "containerd", "start"]).returncode == 101:
        yield
        return
    if POLICY.is_file():
        POLICY.rename(saved)
    POLICY.write_text(_OURS)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
        if saved.is_file():
            saved.rename(POLICY)
