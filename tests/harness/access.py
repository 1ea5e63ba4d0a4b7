"""How the harness itself reaches the API server: address and the admin's TLS identity."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from kubernetes import client, config


@dataclass(frozen=True)
class Access:
    url: str
    tls: ssl.SSLContext


def of_kubeconfig(kubeconfig: Path) -> Access:
    """Read the current context; its client certificate is loaded into the TLS context."""
    found = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=found)  # type: ignore[no-untyped-call]
    assert found.cert_file is not None, "the harness needs a kubeconfig with a client certificate"
    tls = ssl.create_default_context(cafile=found.ssl_ca_cert)
    tls.load_cert_chain(found.cert_file, found.key_file)
    return Access(found.host, tls)
