"""The last stage: reserve a number, note it in status, make the version, note that it exists.

    ConfigMap reserved.<uid> = N  ->  status.result.reserved = N  ->  POST <model>-vN  ->
    status.result.modelVersion

Each arrow is a pass of its own, so a process that dies at any point is continued by the next one, and there
is exactly one version per Experiment: also when the ConfigMap is lost in between.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trimtab.apis.v1alpha1.experiment_status import ResultStatus, TrialStatus
from trimtab.experiment.build import trial_parameters
from trimtab.experiment.observed import (
    Artifact,
    ExperimentObserved,
    Problem,
    Reservations,
    VersionObserved,
)
from trimtab.experiment.outcome import REGISTERING_MESSAGE, Decision, fail, progress, succeed
from trimtab.experiment.reasons import Reason
from trimtab.experiment.stages import winner_of
from trimtab.model import names
from trimtab.model.clock import after
from trimtab.model.kinds import CONFIG_MAP, MODEL_VERSION
from trimtab.model.model_record import new_record
from trimtab.model.plan import Create, Replace

RETRY_SECONDS = 10.0
LINEAGE_UID = ("spec", "lineage", "experiment", "uid")


def decide(observed: ExperimentObserved, now: datetime) -> Decision:
    artifact, reservations = _with_model_card(observed.artifact), observed.reservations
    if artifact is None or reservations is None or observed.versions is None:
        return _registering(observed)
    if isinstance(artifact, Problem):
        return _without_artifact(observed, artifact, now)
    winner = winner_of(observed.status)
    made = next((version for version in observed.versions if _is_ours(observed, winner, version)), None)
    if made is not None:
        return _registered(observed, made, now)
    reserved = reservations.reserved.get(observed.uid)
    if reserved is None or _taken_by_another(observed, reserved):
        return _reserve(observed, reservations)
    result = observed.status.result
    if result is None or result.reserved != reserved:
        status = observed.status.model_copy(update={"result": ResultStatus(reserved=reserved)})
        return progress(status, "Registering", Reason.REGISTERING, REGISTERING_MESSAGE)
    body = version_body(observed, artifact, reserved)
    create = Create(MODEL_VERSION, body, (LINEAGE_UID, observed.uid), redecide_if_foreign=True)
    return _registering(observed, children=(create,))


def _with_model_card(artifact: Artifact | Problem | None) -> Artifact | Problem | None:
    """A version says what can load it; a model without model.json would be refused after its number is
    spent."""
    if isinstance(artifact, Artifact) and artifact.record.card is None:
        return Problem(
            Reason.RESULT_INVALID,
            "model/model.json: is missing from the winner's artifact, so nothing says what loads it; "
            "write the model with trimtab_runtime.training.save_model in a new Experiment",
            False,
        )
    return artifact


def _registered(observed: ExperimentObserved, made: VersionObserved, now: datetime) -> Decision:
    done = ResultStatus(reserved=made.version, model_version=made.name)
    status = observed.status.model_copy(update={"result": done})
    return succeed(status, f"{made.name} is registered", now)


def _is_ours(observed: ExperimentObserved, winner: TrialStatus, version: VersionObserved) -> bool:
    """Made by this Experiment. Anybody may write our uid into a lineage, so the bytes and what runs them
    must be the winner's too: a version that was slipped in under our number is another's."""
    made = (version.experiment_uid, version.digest, version.image)
    return made == (observed.uid, winner.manifest_digest, winner.image)


def _taken_by_another(observed: ExperimentObserved, number: int) -> bool:
    """A version of that number exists and is not ours: made by hand, or from before a lost ConfigMap."""
    return any(version.version == number for version in observed.versions or ())


def _reserve(observed: ExperimentObserved, reservations: Reservations) -> Decision:
    """Write the next number under our uid; the resourceVersion makes two Experiments take two numbers."""
    highest = max([reservations.high_water, *(v.version for v in observed.versions or ())])
    number = highest + 1
    body = reservations.body
    data = {**(body or {}).get("data", {}), names.KEY_HIGH_WATER: str(number)}
    data[names.reserved_key(observed.uid)] = str(number)
    if body is None:
        return _registering(observed, children=(new_record(observed.namespace, observed.spec.model, data),))
    return _registering(observed, children=(Replace(CONFIG_MAP, {**body, "data": data}),))


def _without_artifact(observed: ExperimentObserved, problem: Problem, now: datetime) -> Decision:
    if problem.transient:
        return progress(
            observed.status,
            "Registering",
            problem.reason,
            problem.message,
            wake_at=after(now, RETRY_SECONDS),
        )
    return fail(observed.status, "Failed", problem.reason, problem.message, now)


def _registering(observed: ExperimentObserved, *, children: tuple[Create | Replace, ...] = ()) -> Decision:
    return progress(
        observed.status, "Registering", Reason.REGISTERING, REGISTERING_MESSAGE, children=children
    )


def version_body(observed: ExperimentObserved, artifact: Artifact, number: int) -> dict[str, Any]:
    """The complete ModelVersion."""
    spec, status = observed.spec, observed.status
    winner = winner_of(status)
    evaluation = status.evaluation
    assert evaluation is not None
    card = artifact.record.card
    body: dict[str, Any] = {
        "model": spec.model,
        "version": number,
        "artifact": {
            "repository": names.model_repository(spec.model),
            "digest": artifact.digest,
            "format": artifact.format,
            "size": str(artifact.size_bytes),
        },
        "runtime": {
            "image": winner.image,
            "framework": card.framework if card else "",
            "python": card.python if card else "",
        },
        "signature": {
            "inputs": [_tensor(t) for t in artifact.signature.inputs],
            "outputs": [_tensor(t) for t in artifact.signature.outputs],
            "digest": artifact.signature_digest,
        },
        "evaluation": {"dataDigest": evaluation.data_digest, "metrics": dict(evaluation.metrics)},
        "lineage": _lineage(observed, winner),
    }
    if artifact.profile_digest:
        body["profileDigest"] = artifact.profile_digest
    return {
        "apiVersion": MODEL_VERSION.api_version,
        "kind": MODEL_VERSION.name,
        "metadata": {
            "name": names.model_version(spec.model, number),
            "namespace": observed.namespace,
            "labels": {names.LABEL_MODEL: spec.model, names.LABEL_EXPERIMENT: observed.name},
        },
        "spec": body,
    }


def _lineage(observed: ExperimentObserved, winner: TrialStatus) -> dict[str, Any]:
    spec = observed.spec
    lineage: dict[str, Any] = {
        "experiment": {"name": observed.name, "uid": observed.uid},
        "trial": winner.index,
        "data": {entry.name: entry.digest for entry in observed.status.data},
        "image": spec.trial.image,
        "parameters": trial_parameters(observed, winner),
        "seed": spec.seed,
        "trigger": spec.trigger.to_wire() if spec.trigger else {"kind": "User"},
    }
    if spec.code is not None:
        lineage["code"] = spec.code.to_wire()
    return lineage


def _tensor(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "nullable": tensor.nullable}
