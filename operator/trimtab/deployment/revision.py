"""A revision: the model digest and every field that its pods depend on, rendered once and then frozen.

The hash covers what the user chose, not what it renders to: an operator that renders differently tomorrow
makes no new revision of what runs today, because every apply reads the frozen record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab.apis.v1alpha1.deployment import Serving
from trimtab.apis.v1alpha1.deployment_status import DeploymentStatus, Side
from trimtab.deployment.observed import DeploymentObserved, RevisionRecord, VersionObserved
from trimtab.deployment.roles import recorded
from trimtab.deployment.runtimes import TRIMTAB
from trimtab.deployment.signature import read_signature
from trimtab.deployment.template import RENDERER, pod_template
from trimtab.model import names
from trimtab.model.hashing import short_hash
from trimtab.model.kinds import CONTROLLER_REVISION, DEPLOYMENT
from trimtab.model.plan import Create, Delete, controller_reference

HASH_CHARACTERS = 8
_NOT_OF_THE_PODS = frozenset({"replicas", "autoscaling"})


def revision_of(digest: str, serving: Serving) -> str:
    """8 hexadecimal characters; equal for equal bytes under equal settings, whatever the version is
    called."""
    wire = {key: value for key, value in serving.to_wire().items() if key not in _NOT_OF_THE_PODS}
    if wire["runtime"] == TRIMTAB:
        del wire["runtime"]  # left out or written out, and older than the field: the same pods
    return short_hash({"digest": digest, "serving": wire}, HASH_CHARACTERS)


def freeze(observed: DeploymentObserved, version: VersionObserved, revision: str) -> Create:
    """The ControllerRevision that keeps the rendered pod template of a new revision."""
    data = {
        "renderer": RENDERER,
        "modelVersion": version.name,
        "digest": version.digest,
        "signature": version.signature.to_json(),
        "template": pod_template(observed, version, revision),
    }
    return _record(observed, revision, data)


def restored(observed: DeploymentObserved, side: Side) -> Create | None:
    """The record of a side whose own was deleted: of the pods that there are, or else rendered once more.

    None: its workload is gone too, and the spec asks for other pods by now, or its ModelVersion is gone.
    """
    version = next((v for v in observed.versions if v.name == side.model_version), None)
    known = version if version is not None and version.digest == side.digest else None
    workload = observed.workloads.get(side.revision)
    if workload is None:
        same = known is not None and revision_of(side.digest, observed.spec.serving) == side.revision
        return freeze(observed, known, side.revision) if known is not None and same else None
    template = workload.body["spec"]["template"]
    meta = {
        key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]
    }
    data = {
        "renderer": RENDERER,
        "modelVersion": side.model_version,
        "digest": side.digest,
        "template": {"metadata": meta, "spec": template["spec"]},
    }
    return _record(
        observed, side.revision, data | ({"signature": known.signature.to_json()} if known else {})
    )


def _record(observed: DeploymentObserved, revision: str, data: Mapping[str, Any]) -> Create:
    number = max((record.number for record in observed.records.values()), default=0) + 1
    body = {
        "apiVersion": CONTROLLER_REVISION.api_version,
        "kind": CONTROLLER_REVISION.name,
        "metadata": {
            "name": names.workload(observed.name, revision),
            "namespace": observed.namespace,
            "labels": names.serving_labels(observed.name, observed.spec.model.name, revision),
            "ownerReferences": [controller_reference(observed.body, DEPLOYMENT)],
        },
        "revision": number,
        "data": data,
    }
    return Create(CONTROLLER_REVISION, body, (("controller",), observed.uid))


def stale_records(observed: DeploymentObserved, status: DeploymentStatus) -> tuple[Delete, ...]:
    """Records of revisions that neither serve nor are gone back to, once their workload is gone."""
    kept = recorded(status) | observed.workloads.keys()
    return tuple(
        Delete(
            CONTROLLER_REVISION,
            observed.namespace,
            names.workload(observed.name, record.revision),
            record.uid,
            record.resource_version,
        )
        for revision, record in sorted(observed.records.items())
        if revision not in kept
    )


def parse_record(obj: Mapping[str, Any]) -> RevisionRecord:
    """A ControllerRevision of ours as the record it keeps."""
    data = obj["data"]
    return RevisionRecord(
        revision=obj["metadata"]["labels"][names.LABEL_REVISION],
        number=int(obj["revision"]),
        model_version=data["modelVersion"],
        digest=data["digest"],
        template=data["template"],
        uid=obj["metadata"].get("uid", ""),
        resource_version=obj["metadata"].get("resourceVersion", ""),
        signature=read_signature(data["signature"]) if "signature" in data else None,
    )
