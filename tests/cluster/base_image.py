"""What our images stand on where no registry can be asked: Debian 12 with its Python, by debootstrap."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.cluster import oci_archive, packages
from tests.cluster.cache import cache_dir, content_hash, exclusive
from tests.cluster.progress import CannotContinue, step

SUITE = "bookworm"
INCLUDED = ("python3-minimal", "libpython3.11-stdlib", "ca-certificates")
# Documentation, translations and caches: nothing in a pod reads them.
_DROPPED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache",
    "var/lib/apt",
)


def name() -> str:
    """The tag changes whenever the content would."""
    return f"localhost/trimtab-base:{content_hash([Path(__file__)])}"


def ensure() -> Path:
    """OCI archive of the base image; made once per recipe and kept in the cache."""
    archive = cache_dir() / "images" / f"base-{name().rpartition(':')[2]}.tar"
    with exclusive(archive.with_name(".base.lock"), "base image"):
        if not archive.is_file():
            packages.ensure(packages.IMAGES)
            with step(f"base image: Debian {SUITE} by debootstrap", usual_seconds=75):
                _make(archive)
    return archive


def _make(archive: Path) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".base.") as scratch:
        root = Path(scratch) / "root"
        log = Path(scratch) / "debootstrap.log"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(INCLUDED)}", SUITE, str(root)]
        with log.open("w") as output:
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT)
        if done.returncode:
            tail = "\n".join(log.read_text().splitlines()[-5:])
            raise CannotContinue(f"debootstrap failed; is the Debian mirror reachable?\n{tail}")
        for path in _DROPPED:
            shutil.rmtree(root / path, ignore_errors=True)
        oci_archive.write(archive, name(), root, {"Cmd": ["/usr/bin/python3"]})
