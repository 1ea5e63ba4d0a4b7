"""Renders the pod template of a revision: fetch (our image, read credentials) -> server (the version's
image, or the one of a foreign runtime)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trimtab.deployment.observed import DeploymentObserved, VersionObserved
from trimtab.deployment.runtimes import PORT, RUNTIMES, TRIMTAB, ForeignRuntime
from trimtab.model import names, pods
from trimtab.model.pods import config_env, literal_env, mount, own_container, scratch
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchModel, ServeModel
from trimtab_runtime.contract.result import ModelPin

RENDERER = 1
METRICS = "metrics"
DRAIN_SECONDS = 10
GRACE_SECONDS = DRAIN_SECONDS + 30
FETCH_DEADLINE_SECONDS = 3600

Json = dict[str, Any]


def pod_template(observed: DeploymentObserved, version: VersionObserved, revision: str) -> Json:
    """The complete template; nothing in it changes during the life of the revision."""
    serving = observed.spec.serving
    pin = ModelPin(version.repository, version.digest)
    fetch = FetchModel(
        pods.registry_access(observed.settings, push=False), pin, deadline_seconds=FETCH_DEADLINE_SECONDS
    )
    wire = serving.to_wire()
    init = own_container(
        names.CONTAINER_FETCH,
        observed.settings,
        fetch,
        ["fetch"],
        [mount("model", paths.MODEL)],
        registry="read",
    )
    foreign = None if serving.runtime == TRIMTAB else RUNTIMES[serving.runtime]
    server = _server(observed, version) if foreign is None else _foreign_server(observed, foreign)
    marks = {} if foreign is None else {names.ANNOTATION_RUNTIME: serving.runtime}
    return {
        "metadata": {
            "labels": names.serving_labels(observed.name, observed.spec.model.name, revision),
            "annotations": {"kubectl.kubernetes.io/default-container": names.CONTAINER_SERVER, **marks},
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": pods.POD_SECURITY,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "initContainers": [init],
            "containers": [server],
            "volumes": [
                scratch("model"),
                *pods.tmp_volumes(init, server),
                *pods.registry_volumes(observed.settings, "read"),
            ],
            **{key: wire[key] for key in ("nodeSelector", "tolerations") if wire.get(key)},
        },
    }


def _server(observed: DeploymentObserved, version: VersionObserved) -> Json:
    serving = observed.spec.serving
    config = ServeModel(
        model=observed.spec.model.name,
        digest=version.digest,
        profile_digest=version.profile_digest,
        port=PORT,
    )
    return {
        "name": names.CONTAINER_SERVER,
        "image": version.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "trimtab_runtime", "serve"],
        "env": [*literal_env(serving.env), config_env(config)],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": serving.resources.to_wire(),
        "securityContext": pods.CONTAINER_SECURITY,
        "volumeMounts": [
            mount("model", paths.MODEL, read_only=True),
            pods.own_tmp(names.CONTAINER_SERVER),
        ],
        **_probes(),
        "lifecycle": {
            "preStop": {
                "httpGet": {"path": f"/drain?seconds={DRAIN_SECONDS}", "port": PORT, "scheme": "HTTP"}
            }
        },
        "terminationMessagePolicy": "File",
    }


def _foreign_server(observed: DeploymentObserved, runtime: ForeignRuntime) -> Json:
    """The server of another project, in the user's image. Only the files of the model are mounted.

    It has no drain of ours: it is told to end when the endpoint has had time to vanish.
    """
    serving, model = observed.spec.serving, observed.spec.model.name

    def filled(texts: Iterable[str]) -> list[str]:
        return [text.replace("{model}", model) for text in texts]

    chosen = {variable.name for variable in serving.env}
    preset = [name for name in runtime.env if name not in chosen]
    values = filled(runtime.env[name] for name in preset)
    ports = [{"name": "http", "containerPort": PORT, "protocol": "TCP"}]
    if runtime.metrics is not None:
        ports.append({"name": METRICS, "containerPort": runtime.metrics.port, "protocol": "TCP"})
    (path,) = filled([runtime.model_path])
    return pods.user_container(
        names.CONTAINER_SERVER,
        serving.image or "",
        [{"name": "model", "mountPath": path, "subPath": paths.MODEL_FOLDER, "readOnly": True}],
        resources=serving.resources.to_wire(),
        command=filled(runtime.command),
        args=filled(runtime.args),
        env=[
            *pods.literal_env(serving.env),
            *({"name": name, "value": value} for name, value in zip(preset, values, strict=True)),
        ],
        ports=ports,
        **_probes(),
        lifecycle={"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
    )


def _probes() -> Json:
    # Slow answers of a busy node are no reason to lose the pods that give them: all would go at once.
    return {
        "readinessProbe": _http("/v2/health/ready") | {"periodSeconds": 2, "failureThreshold": 3},
        "livenessProbe": _http("/v2/health/live") | {"periodSeconds": 10, "failureThreshold": 6},
        "startupProbe": _http("/v2/health/live") | {"periodSeconds": 1, "failureThreshold": 300},
    }


def _http(path: str) -> Json:
    return {"httpGet": {"path": path, "port": PORT, "scheme": "HTTP"}, "timeoutSeconds": 5}
