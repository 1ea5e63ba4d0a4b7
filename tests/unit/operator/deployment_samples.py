"""One Deployment and what may be observed of it."""

from __future__ import annotations

from typing import Any

from tests.unit.operator import samples
from tests.unit.operator.samples import NOW, digest

from trimtab.apis.v1alpha1.deployment import DeploymentSpec
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.build import front_service
from trimtab.deployment.observed import (
    DeploymentObserved,
    PodObserved,
    RevisionRecord,
    VersionObserved,
    WorkloadObserved,
)
from trimtab.deployment.revision import freeze, parse_record, revision_of
from trimtab.deployment.traffic.by_pods import Traffic
from trimtab.model import names
from trimtab_runtime.contract.signature import Signature, Tensor

SIGNATURE = Signature((Tensor("temp", "FP64", True), Tensor("hour", "INT64")), (Tensor("late", "FP64"),))
BYTES = {number: digest(str(number)) for number in range(1, 6)}


def spec_wire(**changes: Any) -> dict[str, Any]:
    return {"model": {"name": "churn", "version": 1}, "serving": {"replicas": 2}} | changes


def spec(**changes: Any) -> DeploymentSpec:
    return DeploymentSpec.model_validate(spec_wire(**changes))


def follow(**changes: Any) -> DeploymentSpec:
    return spec(model={"name": "churn", "follow": "Approved"}, **changes)


def version(number: int, phase: str = "Approved", **parts: Any) -> VersionObserved:
    known: dict[str, Any] = {
        "name": f"churn-v{number}",
        "version": number,
        "digest": BYTES[number],
        "phase": phase,
        "repository": "churn/models",
        "image": "registry.example/churn@" + digest("f"),
        "profile_digest": digest("8"),
        "signature": SIGNATURE,
        "format": "sklearn",
    }
    return VersionObserved(**(known | parts))


def observed(
    status: DeploymentStatus | None = None, *, of: DeploymentSpec | None = None, **parts: Any
) -> DeploymentObserved:
    known: dict[str, Any] = {"versions": (version(1),), "generation": 1}
    return DeploymentObserved(
        name="churn",
        namespace="ml",
        uid=samples.UID,
        body={"metadata": {"name": "churn", "namespace": "ml", "uid": samples.UID}},
        spec=of or spec(),
        status=status or DeploymentStatus(),
        settings=samples.SETTINGS,
        **(known | parts),
    )


def revision(number: int, of: DeploymentSpec | None = None) -> str:
    return revision_of(BYTES[number], (of or spec()).serving)


def side(number: int, of: DeploymentSpec | None = None) -> Side:
    return Side(
        model_version=f"churn-v{number}", digest=BYTES[number], revision=revision(number, of), since=NOW
    )


def record(number: int, of: DeploymentSpec | None = None) -> RevisionRecord:
    body = freeze(observed(of=of), version(number), revision(number, of)).body
    meta = {**body["metadata"], "uid": f"record-of-{number}", "resourceVersion": "5"}
    return parse_record({**body, "metadata": meta})


def records(*numbers: int) -> dict[str, RevisionRecord]:
    return {revision(number): record(number) for number in numbers}


def pods(name: str, *, ready: int = 0, serving: int = 0, starting: int = 0) -> tuple[PodObserved, ...]:
    """``ready`` counts those that serve too."""
    return tuple(
        PodObserved(f"{name}-{i}", f"{name}-{i}", "10.0.0.1", i < ready, False, i < serving)
        for i in range(ready + starting)
    )


TEMPLATE: dict[str, Any] = {"metadata": {"labels": {}}, "spec": {"containers": []}}


def workload(
    number: int, replicas: int = 2, *, ready: int = 0, serving: int = 0, starting: int = 0, **parts: Any
) -> WorkloadObserved:
    name = names.workload("churn", revision(number))
    known: dict[str, Any] = {
        "revision": revision(number),
        "body": {
            "metadata": {"name": name, "namespace": "ml", "uid": f"uid-of-{number}", "resourceVersion": "9"},
            "spec": {"replicas": replicas, "template": TEMPLATE},
        },
        "replicas": replicas,
        "ready_replicas": ready,
        "settled": True,
        "deleting": False,
        "pods": pods(name, ready=ready, serving=serving, starting=starting),
    }
    return WorkloadObserved(**(known | parts))


def workloads(*listed: WorkloadObserved) -> dict[str, WorkloadObserved]:
    return {one.revision: one for one in listed}


def service(to: Traffic) -> dict[str, Any]:
    """The front Service as the server has it."""
    body = front_service(observed(), None if to.both else to.revision).body
    meta = {**body["metadata"], "uid": "svc", "resourceVersion": "3"}
    return {**body, "metadata": meta}
