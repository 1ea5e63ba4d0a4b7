"""The Python environment of the checkout: `.venv` from the hashed lock. Standard library only.

Idempotent: a stamp in the environment says what it was made from; while that is unchanged nothing is done.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.cluster import packages
from tests.cluster.cache import BUILD, CLONE, content_hash, exclusive
from tests.cluster.progress import CannotContinue, step

VENV = CLONE / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST_PYTHON = (3, 11)
_LOCK = CLONE / "tests" / "requirements.lock"
_BUILD_LOCK = CLONE / "operator" / "build.lock"
_UV_LOCK = CLONE / "tests" / "uv.lock"


def ensure() -> Path:
    """Make `.venv` what the lock says. Returns its Python; raises CannotContinue with the remedy."""
    if sys.version_info < OLDEST_PYTHON:
        raise CannotContinue(
            f"{sys.executable} is Python {sys.version.split()[0]}; 3.11 or newer is needed. "
            "Run `make PYTHON=/path/to/python3.11 ...`."
        )
    stamp = VENV / "trimtab.stamp"
    wanted = _content()
    with exclusive(BUILD / "environment.lock", "the Python environment"):
        if not stamp.is_file() or stamp.read_text() != wanted:
            with step("Python environment from the lock", usual_seconds=30):
                _make()
            stamp.write_text(wanted)
    return PYTHON


def _content() -> str:
    sources = [_LOCK, _BUILD_LOCK, CLONE / "pyproject.toml", CLONE / "runtime" / "pyproject.toml"]
    return content_hash(sources, sys.version)


def _make() -> None:
    uv_program = uv()
    if not PYTHON.exists():
        _run(
            uv_program,
            "venv",
            "--quiet",
            "--clear",
            "--python",
            sys.executable,
            "--no-python-downloads",
            str(VENV),
        )
    install = ["--quiet", "--python", str(PYTHON)]
    _run(uv_program, "pip", "sync", *install, "--require-hashes", str(_LOCK))
    ours = ["--editable", str(CLONE / "runtime"), "--editable", str(CLONE)]
    _run(uv_program, "pip", "install", *install, "--no-deps", "--build-constraints", str(_BUILD_LOCK), *ours)


def uv() -> str:
    """uv of the machine, or the locked one in a small environment of its own."""
    found = shutil.which("uv")
    if found:
        return found
    own = BUILD / "uv"
    if not (own / "bin" / "uv").exists():
        packages.ensure(("python3-venv",))
        _run(sys.executable, "-m", "venv", "--clear", str(own))
        _run(str(own / "bin" / "pip"), "install", "--quiet", "--require-hashes", "-r", str(_UV_LOCK))
    return str(own / "bin" / "uv")


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=CLONE).returncode:
        raise CannotContinue(
            f"`{' '.join(command)}` failed (its message is above). The package index must be reachable; "
            "behind a proxy or a mirror set PIP_INDEX_URL and UV_INDEX_URL, SSL_CERT_FILE for its authority."
        )
