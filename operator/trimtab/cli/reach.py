"""How the commands of people reach the cluster, and what they say when they cannot: what is wrong, and the
remedy."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import yaml
from kubernetes.aio import config as kube_config

from trimtab.cluster.client import Client, NoAnswer, Refused, kubeconfig, pod_namespace
from trimtab.model.errors import Transient, TrimtabError
from trimtab.model.kinds import Kind

TIMEOUT_SECONDS = 10.0
_UNUSABLE = (kube_config.ConfigException, OSError, yaml.YAMLError, TypeError)
"""What the client raises for a kubeconfig that is missing, not YAML, or YAML of something else."""


class CannotReach(Exception):
    """The cluster gives no answer that a command could work with; the message names the remedy."""


class NotServed(CannotReach):
    """The API server does not know the kind."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(
            f"the cluster does not serve {kind}: install Trimtab with Helm (docs/operations.md), or only its "
            "kinds with `kubectl apply --server-side -f crds`"
        )


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """A client with the credentials of the pod, else of the kubeconfig. Raises CannotReach."""
    try:
        client = await Client.connect(timeout_seconds=TIMEOUT_SECONDS)
    except _UNUSABLE as error:
        raise CannotReach(
            f"no usable kubeconfig: {' '.join(str(error).split())}. Set KUBECONFIG, or choose a context with "
            "`kubectl config use-context`"
        ) from error
    try:
        yield client
    finally:
        await client.close()


def home_namespace() -> str:
    """The namespace that kubectl would use: that of the pod, of the kubeconfig's context, or `default`."""
    if namespace := pod_namespace():
        return namespace
    try:
        _, active = kube_config.list_kube_config_contexts(kubeconfig())  # type: ignore[no-untyped-call]
    except _UNUSABLE:
        return "default"  # what is wrong with the file is said by `connected`
    return str(active["context"].get("namespace") or "default")


def remedy(error: TrimtabError) -> str:
    """The error as a person should read it, with what to do about it."""
    match error:
        case NoAnswer():
            return (
                f"{error.message}. Is the cluster up, and is it the one of `kubectl config current-context`?"
            )
        case Transient(reason="ApiUnauthorized"):
            return "the API server does not accept your credentials: sign in to the cluster again"
        case Refused(status=403):
            return f"{error.message}. Ask for a role with that verb; docs/operations.md lists what is needed"
        case _:
            return str(error)
