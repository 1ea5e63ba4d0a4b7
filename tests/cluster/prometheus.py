"""A real Prometheus, from Debian's package: unpacked into the cache, not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.cluster.cache import cache_dir, exclusive, filled_atomically
from tests.cluster.progress import CannotContinue, step

PACKAGE = "prometheus"


def promtool() -> Path:
    """The program that checks rules. Raises CannotContinue as `ensure`."""
    return ensure().with_name("promtool")


def ensure() -> Path:
    """The program. Raises CannotContinue where the package cannot be had."""
    target = cache_dir() / "packages" / PACKAGE
    program = target / "usr/bin/prometheus"
    if program.is_file():
        return program
    if shutil.which("apt-get") is None:
        raise CannotContinue(f"this is no Debian (no apt-get), and the tests need its package {PACKAGE}")
    with exclusive(target.parent / ".lock", PACKAGE):
        if not program.is_file():
            with step(f"unpacking Debian's package {PACKAGE}", usual_seconds=10):
                _fill(target)
    return program


def _fill(target: Path) -> None:
    with filled_atomically(target) as folder:
        # A stale list names a package that is no longer there; without root it has to do.
        if not _download(folder):
            subprocess.run(["apt-get", "-qq", "update"], stdout=subprocess.DEVNULL)
            if not _download(folder):
                raise CannotContinue(f"apt-get could not download {PACKAGE} (its message is above)")
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
        package.unlink()


def _download(folder: Path) -> bool:
    apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", PACKAGE]
    return subprocess.run(apt, cwd=folder, stdout=subprocess.DEVNULL).returncode == 0
