"""What is left in a namespace when nothing moves any more, in a form that equal runs have equal.

Normalised, because it differs between runs without meaning anything:
- uids: the object's kind and name stand for its uid, wherever the uid occurs (also inside other texts);
- times: every RFC 3339 time becomes `<time>`;
- resourceVersions, managedFields and creationTimestamps are left out, and so are the names of Events, which
  are hashes of uids;
- digests of model artifacts, which hold the Experiment's uid: `<model of trial N of EXPERIMENT>`;
- the order of `status.history`, whose entries name themselves: trials that run side by side end in any order;
- the namespace's name;
- what the API server chooses for a Service (its addresses), and hashes of intent, which hold uids;
- numbers of a canary, which depend on when its pods were read: of an analysis the verdicts are compared, of
  the evidence that it is there and whose it is, and shares in messages become `<share>`.
Everything else is compared: spec, labels, owners, status with conditions and messages, Jobs with all that
their pods are given, ModelVersions, version numbers, Deployments with their children, history and Events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from tests.harness.api import (
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    EVENT,
    EXPERIMENT,
    JOB,
    MODEL_VERSION,
    SERVICE,
    WORKLOAD,
    Api,
    Kind,
)

from trimtab.model.names import ANNOTATION_INTENT_HASH, KEY_EVIDENCE

Object = dict[str, Any]
KINDS = (
    EXPERIMENT,
    MODEL_VERSION,
    JOB,
    CONFIG_MAP,
    DEPLOYMENT,
    CONTROLLER_REVISION,
    WORKLOAD,
    SERVICE,
)
ABSENT = "<absent>"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|\d{8}T\d{6}")
_SHARE = re.compile(r"\d+\.\d\d %( of \d+)?")
_KEPT_METADATA = ("name", "labels", "annotations", "ownerReferences", "finalizers", "generation")


def project(api: Api) -> dict[str, Any]:
    """`{"Experiment/flights": {...}, ...}`, plus the Events as sorted lines."""
    found = [(kind, obj) for kind in KINDS for obj in api.list(kind) if _is_ours(obj)]
    names = _replacements([obj for _, obj in found]) | {api.namespace: "<namespace>"}
    projected = {f"{kind.id}/{obj['metadata']['name']}": _trimmed(kind, obj) for kind, obj in found}
    text = json.dumps({"objects": projected, "events": _events(api)}, sort_keys=True)
    for value, name in names.items():
        text = text.replace(value, name)
    normalised: dict[str, Any] = json.loads(_SHARE.sub("<share>", _TIME.sub("<time>", text)))
    return normalised


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """One line per place in which two projections differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(expected.keys() | found.keys())
        return [
            line
            for key in keys
            for line in differences(
                expected.get(key, "<absent>"), found.get(key, "<absent>"), f"{path}/{key}"
            )
        ]
    if isinstance(expected, list) and isinstance(found, list):
        numbered = enumerate(zip_longest(expected, found, fillvalue=ABSENT))
        return [line for i, pair in numbered for line in differences(*pair, f"{path}[{i}]")]
    return [] if expected == found else [f"{path}: expected {expected!r}, found {found!r}"]


def _is_ours(obj: Object) -> bool:
    return bool(obj["metadata"]["name"] != "kube-root-ca.crt")


def _replacements(objects: Sequence[Object]) -> dict[str, str]:
    names = {o["metadata"]["uid"]: f"<uid of {o['kind']} {o['metadata']['name']}>" for o in objects}
    for obj in objects:
        if obj["kind"] == "Experiment":
            experiment = obj["metadata"]["name"]
            for trial in obj.get("status", {}).get("trials", ()):
                if "manifestDigest" in trial:
                    names[trial["manifestDigest"]] = f"<model of trial {trial['index']} of {experiment}>"
    return names


def _trimmed(kind: Kind, obj: Object) -> Object:
    kept = {key: value for key, value in obj.items() if key in ("kind", "spec", "status", "data", "revision")}
    kept["metadata"] = {k: v for k, v in obj["metadata"].items() if k in _KEPT_METADATA}
    annotations = kept["metadata"].get("annotations", {})
    if ANNOTATION_INTENT_HASH in annotations:
        kept["metadata"]["annotations"] = annotations | {ANNOTATION_INTENT_HASH: "<hash>"}
    if "history" in kept.get("status", {}):
        ordered = sorted(kept["status"]["history"], key=lambda entry: str(entry["id"]))
        kept["status"] = kept["status"] | {"history": ordered}
    if kind in _TRIMMED:
        _TRIMMED[kind](kept)
    return kept


def _trim_service(service: Object) -> None:
    service["spec"] = {k: v for k, v in service["spec"].items() if k not in ("clusterIP", "clusterIPs")}


def _trim_workload(workload: Object) -> None:
    """Its status tells the way, too: of it only how many pods there are."""
    status, meta = workload.pop("status", {}), workload["metadata"]
    workload["pods"] = [status.get(key, 0) for key in ("replicas", "readyReplicas")]
    meta.pop("generation")
    meta["annotations"] = {k: v for k, v in meta["annotations"].items() if "kubernetes.io" not in k}


def _trim_config_map(config_map: Object) -> None:
    data = config_map.get("data", {})
    if KEY_EVIDENCE in data:
        config_map["data"] = {"turn": data["turn"], "keys": sorted(data)}


def _trim_deployment(deployment: Object) -> None:
    status = deployment.get("status", {})
    if "analysis" in status:
        status["analysis"] = [[metric["metric"], metric["verdict"]] for metric in status["analysis"]]


_TRIMMED = {
    SERVICE: _trim_service,
    WORKLOAD: _trim_workload,
    CONFIG_MAP: _trim_config_map,
    DEPLOYMENT: _trim_deployment,
}


def _events(api: Api) -> list[str]:
    """The operator's own Events; those of the Job controller tell how it happened to do its work."""
    return sorted(_line(event) for event in api.list(EVENT) if event["source"].get("component") == "trimtab")


def _line(event: Mapping[str, Any]) -> str:
    about = event["involvedObject"]
    return f"{about['kind']}/{about['name']} {event['type']} {event['reason']}: {event['message']}"
