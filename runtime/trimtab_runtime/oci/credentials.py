"""Registry credentials from a mounted kubernetes.io/dockerconfigjson Secret."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any

from .errors import Unauthorized

MAX_CONFIG_BYTES = 1 << 20


def read_basic_auth(path: Path, host: str) -> str:
    """The base64 `user:password` for a registry host.

    Read at every use, because the kubelet renews the file when the Secret changes. Nothing of the file goes
    into an error message.
    """
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(MAX_CONFIG_BYTES))
    except OSError as error:
        raise Unauthorized("credentials", "the registry Secret is not mounted or not readable") from error
    except ValueError:
        raise _malformed() from None
    auths = config.get("auths") if isinstance(config, dict) else None
    if not isinstance(auths, dict):
        raise _malformed()
    for key in (host, f"https://{host}", f"http://{host}", f"https://{host}/v1/"):
        if key in auths:
            return _basic_auth_of(auths[key])
    raise Unauthorized("credentials", "the registry Secret has no entry for the configured registry host")


def _basic_auth_of(entry: Any) -> str:
    if not isinstance(entry, dict):
        raise _malformed()
    user, password, auth = entry.get("username"), entry.get("password"), entry.get("auth")
    if isinstance(user, str) and isinstance(password, str):
        return base64.b64encode(f"{user}:{password}".encode()).decode()
    try:
        if isinstance(auth, str) and b":" in base64.b64decode(auth, validate=True):
            return auth
    except binascii.Error:
        raise _malformed() from None
    raise _malformed()


def _malformed() -> Unauthorized:
    return Unauthorized("credentials", "the registry Secret is not a valid dockerconfigjson")
