"""What decisions depend on from the operator's configuration."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RegistrySettings:
    """The one registry for data and models. Secrets are of type kubernetes.io/dockerconfigjson.

    ``ca_bundle`` names a ConfigMap with the key ca.crt; empty: the certificate is publicly trusted.
    """

    host: str
    plain_http: bool
    read_secret: str
    push_secret: str
    ca_bundle: str = ""


@dataclass(frozen=True)
class Settings:
    runtime_image: str
    registry: RegistrySettings
