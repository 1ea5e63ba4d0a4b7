"""Every name, label and annotation that Trimtab gives: the one place that builds them."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab.model.hashing import short_hash

FIELD_MANAGER = "trimtab"
SCALE_FIELD_MANAGER = "trimtab-scale"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "trimtab"
LABEL_EXPERIMENT = "trimtab.dev/experiment"
LABEL_TRIAL = "trimtab.dev/trial"
LABEL_ATTEMPT = "trimtab.dev/attempt"
LABEL_MODEL = "trimtab.dev/model"
LABEL_DEPLOYMENT = "trimtab.dev/deployment"
LABEL_REVISION = "trimtab.dev/revision"
LABEL_TRIGGER = "trimtab.dev/trigger"

ANNOTATION_INTENT_HASH = "trimtab.dev/intent-hash"

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"

CONTAINER_FETCH = "fetch"
CONTAINER_TRAIN = "train"
CONTAINER_PUBLISH = "publish"
CONTAINER_SERVER = "server"

KEY_HIGH_WATER = "highWater"
KEY_RETRAINS = "retrains"
KEY_EVIDENCE = "evidence"
KEY_TURN = "turn"

ANNOTATION_ACTION = "trimtab.dev/action"
ANNOTATION_RUNTIME = "trimtab.dev/serving-runtime"


def trial_job(experiment: str, trial: int, attempt: int) -> str:
    return f"{experiment}-t{trial}-a{attempt}"


def evaluation_job(experiment: str, attempt: int) -> str:
    return f"{experiment}-eval-a{attempt}"


def model_config_map(model: str) -> str:
    """The ConfigMap that keeps a model's version numbers; it has no owner, so numbers are never reused."""
    return f"trimtab-model-{model}"


def evidence_config_map(deployment: str) -> str:
    """The ConfigMap in which the evidence of a running rollout survives the operator."""
    return f"{deployment}-deployment-evidence"


def window_config_map(monitor: str) -> str:
    """The ConfigMap in which a monitor's open window survives the operator."""
    return f"{monitor}-driftmonitor-evidence"


def retrain(model: str, served_digest: str, data: Mapping[str, str]) -> str:
    """The Experiment that trains a model again: one name for one served version and one state of the data,
    whoever asks and however often."""
    return f"{model}-r-{short_hash([model, served_digest, dict(data)])}"


def reserved_key(experiment_uid: str) -> str:
    """ConfigMap key under which an Experiment's reserved version number stands."""
    return f"reserved.{experiment_uid}"


def model_version(model: str, version: int) -> str:
    return f"{model}-v{version}"


def version_number(model: str, name: str) -> int:
    """Inverse of `model_version`; 0 for any other name."""
    number = name.removeprefix(f"{model}-v")
    return int(number) if number != name and number.isdecimal() else 0


def model_repository(model: str) -> str:
    """Repository of a model's artifacts in the operator's registry; a pod never chooses it."""
    return f"{model}/models"


def workload(deployment: str, revision: str) -> str:
    """apps/v1 Deployment, ControllerRevision and Service of a revision; never the parent's own name."""
    return f"{deployment}-{revision}"


def probe_route(deployment: str) -> str:
    """HTTPRoute by which a Gateway is asked whether it copies requests; it matches none."""
    return f"{deployment}-mirror-probe"


def revision_of_child(deployment: str, name: str) -> str:
    """Inverse of `workload`; empty for any other name."""
    return name.removeprefix(f"{deployment}-") if name.startswith(f"{deployment}-") else ""


def revision_selector(deployment: str, revision: str) -> dict[str, str]:
    """Labels that exactly the pods of one revision carry."""
    return {LABEL_DEPLOYMENT: deployment, LABEL_REVISION: revision}


def serving_labels(deployment: str, model: str, revision: str) -> dict[str, str]:
    return {
        LABEL_MANAGED_BY: MANAGED_BY,
        LABEL_MODEL: model,
        **revision_selector(deployment, revision),
    }


def event(subject_uid: str, entry_id: str) -> str:
    """Deterministic, so an Event that is emitted twice exists once."""
    return f"trimtab-{short_hash([subject_uid, entry_id], 20)}"
