"""Locks of what the images contain, derived from the one lock of the development environment."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import environment
from tests.cluster.cache import CLONE

DEVELOPMENT = CLONE / "tests" / "requirements.lock"
OURS = "trimtab-runtime"
# Required by kserve's metadata but imported by nothing on our paths (the image test imports all of ours):
# build tools, which an image must not carry, and minimum versions it sets for libraries of other extras.
UNUSED_OF_KSERVE = (
    *("grpcio-tools", "setuptools", "pillow", "pyasn1"),
    *("cryptography", "cffi", "pycparser", "pyjwt"),
)

# What the image of MLServer has from its base already, in the versions that the model was trained with.
OF_THE_BASE = (
    *("numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl"),
    *("pandas", "python-dateutil", "pytz", "tzdata", "six"),
)


@dataclass(frozen=True)
class Lock:
    target: Path
    requirements: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    independent: bool = False
    """Not held to the versions of the development environment."""

    def command(self) -> list[str]:
        command = [
            environment.uv(),
            "pip",
            "compile",
            *self.requirements,
            "--quiet",
            "--universal",
            "--generate-hashes",
        ]
        command += ["--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url"]
        if self.target != DEVELOPMENT and not self.independent:
            command += ["--constraints", str(DEVELOPMENT.relative_to(CLONE))]
        for package in (OURS, *self.left_out):
            command += ["--no-emit-package", package]
        return [*command, "--output-file", str(self.target.relative_to(CLONE))]


LOCKS = (
    Lock(DEVELOPMENT, ("pyproject.toml", "runtime/pyproject.toml", "--all-extras")),
    Lock(CLONE / "operator" / "requirements.lock", ("pyproject.toml",)),
    Lock(
        CLONE / "runtime" / "requirements.lock",
        ("runtime/pyproject.toml", "--extra=sklearn", "--extra=server"),
        UNUSED_OF_KSERVE,
    ),
    Lock(CLONE / "operator" / "build.lock", ("operator/build.in",)),
    Lock(
        CLONE / "tests" / "e2e" / "mlserver" / "requirements.lock",
        ("tests/e2e/mlserver/requirements.in",),
        OF_THE_BASE,
        independent=True,
    ),
    Lock(CLONE / "tests" / "uv.lock", ("tests/uv.in",)),
)


def main() -> int:
    """Bring every lock up to the requirements, the development environment's first. Kept pins are kept."""
    for lock in LOCKS:
        subprocess.run(lock.command(), cwd=CLONE, check=True)
        print(lock.target.relative_to(CLONE), lock.target.read_text().count("=="), "pins")
    return 0


if __name__ == "__main__":
    sys.exit(main())
