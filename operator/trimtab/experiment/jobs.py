"""The Job around an Experiment's containers: strictly in order, exit code 42 final, evictions not counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.apis.v1alpha1.trial import TrialTemplate
from trimtab.model import names
from trimtab.model.kinds import EXPERIMENT, JOB
from trimtab.model.plan import Create, controller_reference
from trimtab.model.pods import POD_SECURITY, Json, tmp_volumes
from trimtab_runtime.contract.errors import EXIT_DO_NOT_RETRY


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
        "securityContext": POD_SECURITY,
        "initContainers": list(init_containers),
        "containers": [container],
        "volumes": [*volumes, *tmp_volumes(*init_containers, container)],
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
