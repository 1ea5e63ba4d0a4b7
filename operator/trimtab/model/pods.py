"""Parts of the pods that Trimtab makes: hardened containers, their volumes, registry credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trimtab.apis.v1alpha1.trial import EnvVar
from trimtab.model.settings import Settings
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import Config, RegistryAccess, format_config

UID = 65532

Json = dict[str, Any]

CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": UID,
    "runAsGroup": UID,
    "fsGroup": UID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_OWN_RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}}
_CREDENTIALS_VOLUMES = {"read": "credentials-read", "push": "credentials-push"}
_CA_VOLUME = "registry-ca"


def literal(text: str) -> str:
    """The text as it has to stand in command, args and env so that the kubelet takes it as it is.

    It replaces ``$(NAME)`` and turns ``$$`` into ``$`` (k8s.io/kubernetes third_party/forked/golang/
    expansion), so every ``$`` is doubled: escaping ``$(`` alone would let ``$$(`` through.
    """
    return text.replace("$", "$$")


def literal_env(variables: Iterable[EnvVar]) -> list[Json]:
    """Environment variables whose values are taken literally."""
    return [{"name": variable.name, "value": literal(variable.value)} for variable in variables]


def config_env(config: Config) -> Json:
    """The variable that carries a container's configuration; parameters in it may hold any text."""
    return {"name": paths.CONFIG_ENV, "value": literal(format_config(config))}


def mount(volume: str, path: Path, *, read_only: bool = False) -> Json:
    return {"name": volume, "mountPath": str(path)} | ({"readOnly": True} if read_only else {})


def scratch(name: str) -> Json:
    return {"name": name, "emptyDir": {}}


def own_tmp(container: str) -> Json:
    """A /tmp that no other container of the pod sees: users' code must not find or leave anything there."""
    return mount(f"tmp-{container}", Path("/tmp"))  # noqa: S108 - inside the container


def tmp_volumes(*containers: Json) -> list[Json]:
    """The volumes of `own_tmp`, for each container of a pod."""
    return [scratch(f"tmp-{container['name']}") for container in containers]


def registry_access(settings: Settings, *, push: bool) -> RegistryAccess:
    """How a container of ours reaches the registry; `own_container` mounts the files that it names."""
    registry = settings.registry
    secret = registry.push_secret if push else registry.read_secret
    return RegistryAccess(
        host=registry.host,
        plain_http=registry.plain_http,
        ca_bundle=str(paths.CA_BUNDLE) if registry.ca_bundle else "",
        credentials=str(paths.CREDENTIALS) if secret else "",
    )


def own_container(
    name: str,
    settings: Settings,
    config: Config,
    command: Sequence[str],
    mounts: Sequence[Json],
    *,
    registry: str = "",
) -> Json:
    """A container of our image. ``registry``: "read" or "push" mounts what those requests need."""
    return {
        "name": name,
        "image": settings.runtime_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "trimtab_runtime", *command],
        "env": [config_env(config)],
        "resources": _OWN_RESOURCES,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [*mounts, *_registry_mounts(settings, registry), own_tmp(name)],
        "terminationMessagePolicy": "File",
    }


def user_container(
    name: str, image: str, mounts: Sequence[Json], *, resources: Mapping[str, Any], **fields: Any
) -> Json:
    """A container of the user's image: no credentials, no API token; the tail of its log explains a
    failure."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": resources,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [*mounts, own_tmp(name)],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **{key: value for key, value in fields.items() if value},
    }


def _registry_mounts(settings: Settings, access: str) -> list[Json]:
    mounts = []
    if access and _secret_name(settings, access):
        mounts.append(mount(_CREDENTIALS_VOLUMES[access], paths.CREDENTIALS.parent, read_only=True))
    if access and settings.registry.ca_bundle:
        mounts.append(mount(_CA_VOLUME, paths.CA_BUNDLE.parent, read_only=True))
    return mounts


def registry_volumes(settings: Settings, *accesses: str) -> list[Json]:
    """The volumes behind the mounts of `own_container`, for each kind of access in the pod."""
    volumes: list[Json] = [
        {
            "name": _CREDENTIALS_VOLUMES[access],
            "secret": {"secretName": _secret_name(settings, access), "defaultMode": 0o440},
        }
        for access in accesses
        if _secret_name(settings, access)
    ]
    if settings.registry.ca_bundle:
        volumes.append({"name": _CA_VOLUME, "configMap": {"name": settings.registry.ca_bundle}})
    return volumes


def _secret_name(settings: Settings, access: str) -> str:
    return settings.registry.push_secret if access == "push" else settings.registry.read_secret
