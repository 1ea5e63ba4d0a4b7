"""HTTP to a registry through oras: its urls and authentication, our timeouts, limits and errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import oras.auth.token
import oras.container
import oras.provider
import requests
import urllib3

from trimtab_runtime.contract.config import RegistryAccess

from .credentials import read_basic_auth
from .errors import NotFound, Refused, Unauthorized, Unavailable

CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
CHUNK_BYTES = 1 << 20


class _Challenge(oras.auth.token.TokenAuth):  # type: ignore[misc]
    """Answers whatever the registry asks for, Basic or Bearer; oras wants to be told beforehand which.

    A token is asked for anew at every challenge: oras would repeat one that is scoped to another repository.
    """

    def __init__(self, basic: str) -> None:
        super().__init__()
        self._basic_auth = basic
        self.learnt: dict[str, str] = {}

    def load_configs(self, container: Any, configs: Any = None) -> None:
        """Credentials come from the mounted Secret only, never from ~/.docker."""

    def authenticate_request(
        self, original: requests.Response, headers: dict[str, str] | None, refresh: bool = False
    ) -> tuple[dict[str, str], bool]:
        scheme = original.headers.get("Www-Authenticate", "").partition(" ")[0].lower()
        if scheme == "basic" and self._basic_auth:
            self.learnt = {"Authorization": f"Basic {self._basic_auth}"}
            return (headers or {}) | self.learnt, True
        if scheme == "bearer":
            self.token = None
            result, changed = super().authenticate_request(original, headers)
            self.learnt = {"Authorization": result["Authorization"]} if changed else {}
            return result, changed
        return headers or {}, False


class _Session(requests.Session):
    """A session with timeouts that ignores proxies and netrc of the environment."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", (CONNECT_SECONDS, READ_SECONDS))
        return super().request(*args, **kwargs)


class Transport:
    """Requests to one repository of one registry. Not thread-safe: make one per operation."""

    def __init__(self, access: RegistryAccess, repository: str) -> None:
        self._repository = repository
        basic = read_basic_auth(Path(access.credentials), access.host) if access.credentials else ""
        client = oras.provider.Registry(
            hostname=access.host, insecure=access.plain_http, tls_verify=access.ca_bundle or True
        )
        client.session = _Session()
        client.auth = _Challenge(basic)
        client.auth.session, client.auth._tls_verify = client.session, access.ca_bundle or True
        client.auth.prefix = client.prefix
        self._client = client
        self._base = f"{client.prefix}://{access.host}"
        self._container = oras.container.Container(f"{access.host}/{repository}", registry=access.host)
        # oras recognises a host by a dot or colon; `registry` alone would become part of the repository.
        self._container.registry = access.host
        self._container.namespace, _, self._container.repository = repository.rpartition("/")

    def close(self) -> None:
        self._client.session.close()

    def manifest_url(self, reference: str) -> str:
        return f"{self._client.prefix}://{self._container.manifest_url(reference)}"

    def blob_url(self, digest: str) -> str:
        return f"{self._client.prefix}://{self._container.get_blob_url(digest)}"

    def uploads_url(self) -> str:
        return f"{self._client.prefix}://{self._container.upload_blob_url()}"

    def location(self, response: requests.Response) -> str:
        """Where an upload goes on: the path the registry names, on the registry we know.

        Registries behind a proxy name their inner host; and credentials go to no other host.
        """
        parts = urlsplit(response.headers.get("Location", ""))
        if not parts.path.startswith("/"):
            raise Refused(self._repository, "the registry named no upload location")
        return self._base + urlunsplit(("", "", parts.path, parts.query, ""))

    @contextmanager
    def send(self, method: str, url: str, *, what: str, **kwargs: Any) -> Iterator[requests.Response]:
        """One request; the response is open in the block, and has a success status.

        oras' own retries (two minutes of sleep for any exception) are left out: the caller has the deadline.
        """
        request = type(self._client).do_request.__wrapped__
        headers = {"Accept-Encoding": "identity"} | self._client.auth.learnt | kwargs.pop("headers", {})
        try:
            response = request(self._client, url, method, headers=headers, stream=True, **kwargs)
        except requests.exceptions.SSLError:
            raise Unavailable(self._repository, "TLS failed: check registry.caBundle and plainHTTP") from None
        except requests.exceptions.RequestException as error:
            raise Unavailable(self._repository, f"no answer ({type(error).__name__})") from None
        except ValueError:  # oras: it cannot answer the challenge
            raise Unauthorized(self._repository, "the registry wants credentials, and none fit") from None
        with response:
            self._check(response, what)
            yield response

    def _check(self, response: requests.Response, what: str) -> None:
        match response.status_code:
            case 200 | 201 | 202:
                return
            case 401 | 403:
                raise Unauthorized(self._repository, "the registry refuses these credentials")
            case 404:
                raise NotFound(self._repository, what)
            case 429 | 408:
                raise Unavailable(self._repository, f"HTTP {response.status_code}")
            case status if status >= 500:
                raise Unavailable(self._repository, f"HTTP {status}")
            case status:
                raise Refused(self._repository, f"the registry refused {what}: HTTP {status}")

    def chunks(
        self, response: requests.Response, *, what: str, max_bytes: int, deadline: float
    ) -> Iterator[bytes]:
        """The body as sent, never more than `max_bytes`, and not beyond `deadline` (monotonic seconds)."""
        total = 0
        while True:
            try:
                chunk = response.raw.read(CHUNK_BYTES, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise Unavailable(self._repository, f"broke off ({type(error).__name__})") from None
            if not chunk:
                return
            total += len(chunk)
            if total > max_bytes:
                raise Refused(self._repository, f"{what} has more than {max_bytes} bytes")
            if time.monotonic() > deadline:
                raise Unavailable(self._repository, f"{what} came too slowly")
            yield chunk
