"""The operator's own configuration: one YAML file, checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from trimtab.apis.v1alpha1.meta import DNS_LABEL_PATTERN
from trimtab.model.settings import RegistrySettings, Settings
from trimtab.sources.prometheus import Source
from trimtab_runtime.contract.config import RegistryAccess

# A scheme, a host and perhaps a path: no password, no query.
_URL = r"^https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~\-/]*)?$"


class ConfigurationError(Exception):
    """The configuration file is wrong; the message names the field and the remedy."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True)


class RegistryConfiguration(_Strict):
    host: str = Field(min_length=1, max_length=253)
    plain_http: bool = Field(default=False, alias="plainHTTP")
    credentials_file: Path | None = None
    ca_bundle: str = ""
    ca_bundle_file: Path | None = None
    read_secret: str = ""
    push_secret: str = ""


class PrometheusSource(_Strict):
    """A Prometheus, or what answers as one, that metrics of a rollout may name. Users give names, never
    addresses."""

    name: str = Field(pattern=DNS_LABEL_PATTERN, max_length=40)
    url: str = Field(pattern=_URL, max_length=512)
    interval_seconds: float = Field(default=30.0, ge=0.2, le=3600)


class OperatorConfiguration(_Strict):
    """Everything a platform team decides; the chart writes it from its values."""

    namespaces: tuple[str, ...] = Field(default=(), max_length=100)
    cluster_wide: bool = False
    lease_namespace: str = ""
    lease_name: str = "trimtab"
    identity: str = ""
    runtime_image: str
    registry: RegistryConfiguration
    probe_host: str = "0.0.0.0"
    probe_port: int = Field(default=8080, ge=1, le=65535)
    workers: int = Field(default=8, ge=1, le=64)
    scrape_seconds: float = Field(default=5.0, ge=0.2, le=60)
    prometheus_sources: tuple[PrometheusSource, ...] = Field(default=(), max_length=20)
    sweep_seconds: float = Field(default=300.0, ge=1)
    writes_per_second: float = Field(default=50.0, gt=0)

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """The namespaces to list and watch; None = all at once."""
        return (None,) if self.cluster_wide else self.namespaces

    def prometheus(self) -> dict[str, Source]:
        """The sources by name."""
        return {s.name: Source(s.url.rstrip("/"), s.interval_seconds) for s in self.prometheus_sources}

    def settings(self) -> Settings:
        """The part that decisions depend on."""
        registry = self.registry
        return Settings(
            runtime_image=self.runtime_image,
            registry=RegistrySettings(
                host=registry.host,
                plain_http=registry.plain_http,
                read_secret=registry.read_secret,
                push_secret=registry.push_secret,
                ca_bundle=registry.ca_bundle,
            ),
        )

    def registry_access(self) -> RegistryAccess:
        """How the operator's own process reaches the registry."""
        registry = self.registry
        return RegistryAccess(
            host=registry.host,
            plain_http=registry.plain_http,
            ca_bundle=str(registry.ca_bundle_file or ""),
            credentials=str(registry.credentials_file or ""),
        )


def load(path: Path, pod_namespace: str = "") -> OperatorConfiguration:
    """The file, with ``pod_namespace`` where it names no namespace: so it can be moved to another one as it
    is. Raises ConfigurationError with every wrong field.
    """
    try:
        raw = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    try:
        configuration = OperatorConfiguration.model_validate(raw)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigurationError(f"{path}: " + "; ".join(lines)) from error
    names = [source.name for source in configuration.prometheus_sources]
    if len(set(names)) != len(names):
        raise ConfigurationError(f"{path}: prometheusSources: two of them have the same name")
    return _at_home(configuration, path, pod_namespace)


def _at_home(configuration: OperatorConfiguration, path: Path, home: str) -> OperatorConfiguration:
    if configuration.cluster_wide and configuration.namespaces:
        raise ConfigurationError(f"{path}: namespaces: leave them out, or set clusterWide to false")
    lease_namespace = configuration.lease_namespace or home
    namespaces = () if configuration.cluster_wide else configuration.namespaces or (home,)
    if not all(namespaces) or not lease_namespace:
        raise ConfigurationError(
            f"{path}: namespaces and leaseNamespace are needed outside of a pod; in one they are the pod's"
        )
    return configuration.model_copy(update={"namespaces": namespaces, "lease_namespace": lease_namespace})
