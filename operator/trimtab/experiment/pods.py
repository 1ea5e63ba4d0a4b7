"""Parts of the pods that Experiments run: hardened containers, volumes, the Job around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trimtab.apis.v1alpha1.trial import TrialTemplate
from trimtab.model import names
from trimtab.model.kinds import EXPERIMENT, JOB
from trimtab.model.plan import Create, controller_reference
from trimtab.model.settings import Settings
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import Config, RegistryAccess, format_config
from trimtab_runtime.contract.errors import EXIT_DO_NOT_RETRY

UID = 65532

Json = dict[str, Any]

_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
_POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": UID,
    "runAsGroup": UID,
    "fsGroup": UID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_OWN_RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}}
_CREDENTIALS_VOLUMES = {"read": "credentials-read", "push": "credentials-push"}


def mount(volume: str, path: Path, *, read_only: bool = False) -> Json:
    return {"name": volume, "mountPath": str(path)} | ({"readOnly": True} if read_only else {})


def scratch(name: str) -> Json:
    return {"name": name, "emptyDir": {}}


def registry_access(settings: Settings, *, push: bool) -> RegistryAccess:
    """How a container of ours reaches the registry; its credentials are mounted by `own_container`."""
    registry = settings.registry
    secret = registry.push_secret if push else registry.read_secret
    return RegistryAccess(
        host=registry.host,
        plain_http=registry.plain_http,
        credentials=str(paths.CREDENTIALS) if secret else "",
    )


def own_container(
    name: str,
    settings: Settings,
    config: Config,
    command: Sequence[str],
    mounts: Sequence[Json],
    *,
    secret: str = "",
) -> Json:
    """A container of our image. ``secret``: "read" or "push" mounts those registry credentials."""
    credentials = []
    if secret and _secret_name(settings, secret):
        credentials = [mount(_CREDENTIALS_VOLUMES[secret], paths.CREDENTIALS.parent, read_only=True)]
    return {
        "name": name,
        "image": settings.runtime_image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "trimtab_runtime", *command],
        "env": [{"name": paths.CONFIG_ENV, "value": format_config(config)}],
        "resources": _OWN_RESOURCES,
        "securityContext": _SECURITY,
        "volumeMounts": [*mounts, *credentials, mount("tmp", Path("/tmp"))],  # noqa: S108 - inside the container
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
        "securityContext": _SECURITY,
        "volumeMounts": [*mounts, mount("tmp", Path("/tmp"))],  # noqa: S108 - inside the container
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **{key: value for key, value in fields.items() if value},
    }


def credential_volumes(settings: Settings, *secrets: str) -> list[Json]:
    return [
        {
            "name": _CREDENTIALS_VOLUMES[secret],
            "secret": {"secretName": _secret_name(settings, secret), "defaultMode": 0o440},
        }
        for secret in secrets
        if _secret_name(settings, secret)
    ]


def _secret_name(settings: Settings, secret: str) -> str:
    return settings.registry.push_secret if secret == "push" else settings.registry.read_secret


def job(
    *,
    name: str,
    owner: Mapping[str, Any],
    labels: Mapping[str, str],
    template: TrialTemplate,
    init_containers: Sequence[Json],
    container: Json,
    volumes: Sequence[Json],
    retries: int,
    deadline_seconds: int,
    default_container: str,
) -> Create:
    """A Job whose containers run strictly in order and whose exit code 42 is final."""
    pod_spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": _POD_SECURITY,
        "initContainers": list(init_containers),
        "containers": [container],
        "volumes": [*volumes, scratch("tmp")],
        **_placement(template),
    }
    annotations = {"kubectl.kubernetes.io/default-container": default_container}
    body = {
        "apiVersion": JOB.api_version,
        "kind": JOB.name,
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": dict(labels),
            "ownerReferences": [controller_reference(owner, EXPERIMENT)],
        },
        "spec": {
            "backoffLimit": retries,
            "activeDeadlineSeconds": deadline_seconds,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _FAILURE_RULES},
            "template": {"metadata": {"labels": dict(labels), "annotations": annotations}, "spec": pod_spec},
        },
    }
    return Create(JOB, body, (("controller",), owner["metadata"]["uid"]))


_FAILURE_RULES = [
    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [EXIT_DO_NOT_RETRY]}},
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
]


def labels(experiment: str, model: str, attempt: int, *, trial: int | None = None) -> dict[str, str]:
    result = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_EXPERIMENT: experiment,
        names.LABEL_MODEL: model,
        names.LABEL_ATTEMPT: str(attempt),
    }
    return result | ({names.LABEL_TRIAL: str(trial)} if trial is not None else {})


def _placement(template: TrialTemplate) -> Json:
    wire = template.to_wire()
    return {key: wire[key] for key in ("nodeSelector", "tolerations") if wire.get(key)}
