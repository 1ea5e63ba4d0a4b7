"""Whether an HTTP address answers 200, and a Kubernetes API server to its admin."""

from __future__ import annotations

import ssl
import urllib.request

from tests.cluster.pki import Pki


def ok(url: str, context: ssl.SSLContext | None = None) -> bool:
    """No proxy is used: what is asked here is on this machine."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def admin_context(pki: Pki) -> ssl.SSLContext:
    """TLS that trusts the cluster's authority and presents the admin's certificate."""
    context = ssl.create_default_context(cafile=str(pki.certificate("ca")))
    context.load_cert_chain(str(pki.certificate("admin")), str(pki.key("admin")))
    return context
