"""One Experiment and what may be observed of it: small records, each with every part replaceable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from trimtab.apis.v1alpha1.experiment import ExperimentSpec
from trimtab.apis.v1alpha1.experiment_status import (
    ChampionStatus,
    EvaluationStatus,
    ExperimentStatus,
    ResolvedData,
    TrialStatus,
)
from trimtab.experiment.observed import (
    Artifact,
    ExperimentObserved,
    JobObserved,
    Reservations,
    VersionObserved,
)
from trimtab.model.settings import RegistrySettings, Settings
from trimtab_runtime.contract.message import Comparison, EvaluationResult, TrialResult
from trimtab_runtime.contract.result import ModelCard, TrialRecord
from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.contract.trial import Objective, Trial

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
UID = "6f9c2a50-1c0b-4a52-9a3e-0d7f6f0a1b2c"
OTHER_UID = "11111111-2222-3333-4444-555555555555"
SPLITS = ("train", "validation", "reference", "evaluation")


def digest(character: str) -> str:
    return "sha256:" + character * 64


MODEL = digest("e")
IMAGE = "registry.example/flights@" + digest("f")
DATA = {split: digest(character) for split, character in zip(SPLITS, "abcd", strict=True)}
SETTINGS = Settings(
    runtime_image="registry.example/trimtab-runtime@" + digest("9"),
    registry=RegistrySettings("registry.example:5000", False, "registry-read", "registry-push"),
)


def spec_wire(**changes: Any) -> dict[str, Any]:
    """A complete spec as a user writes it: a search over two parameters, three trials, two gates."""
    return {
        "model": "flights",
        "seed": 7,
        "code": {"repository": "https://git.example/flights", "revision": "4f1c0de"},
        "dataContract": {
            "label": "late",
            "timeColumn": "time_hour",
            "groupColumn": "date",
            "columns": {
                "carrier": {"type": "string"},
                "temp": {"type": "double", "nullable": True, "range": {"min": "-40", "max": "60"}},
            },
        },
        "data": [
            {"name": split, "split": split, "uri": f"oci://registry.example:5000/flights/{split}:current"}
            for split in SPLITS
        ],
        "parameters": {"iterations": "60"},
        "search": {
            "algorithm": "random",
            "parameters": [
                {"name": "leaves", "type": "int", "min": "4", "max": "31"},
                {"name": "rate", "type": "double", "min": "0.02", "max": "0.2", "scale": "log"},
            ],
        },
        "objective": {"metric": "logLoss", "goal": "minimize"},
        "budget": {"maxTrials": 3, "parallelTrials": 1, "maxFailedTrials": 1},
        "trial": {
            "image": IMAGE,
            "command": ["python", "-m", "flights.train"],
            "args": ["--leaves=$(params.leaves)", "--iterations=$(params.iterations)"],
            "env": [{"name": "OMP_NUM_THREADS", "value": "1"}],
            "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}},
            "nodeSelector": {"pool": "training"},
            "tolerations": [{"key": "training", "operator": "Exists", "effect": "NoSchedule"}],
            "retries": 2,
            "deadline": "10m",
        },
        "evaluation": {
            "deadline": "5m",
            "gates": [
                {"metric": "auc", "min": "0.55"},
                {"metric": "logLoss", "notWorseThan": "Champion", "tolerance": "0.01"},
            ],
        },
    } | changes


def spec(**changes: Any) -> ExperimentSpec:
    return ExperimentSpec.model_validate(spec_wire(**changes))


def observed(
    status: ExperimentStatus | None = None, *, of: ExperimentSpec | None = None, **parts: Any
) -> ExperimentObserved:
    described = of or spec()
    return ExperimentObserved(
        name="winter",
        namespace="ml",
        uid=UID,
        generation=parts.pop("generation", 1),
        body={"metadata": {"name": "winter", "namespace": "ml", "uid": UID}},
        spec=described,
        status=status or ExperimentStatus(),
        settings=SETTINGS,
        **parts,
    )


# --- statuses, each one stage further ----------------------------------------------------------------------


def pinned(**changes: Any) -> ExperimentStatus:
    """The data is resolved; no trial is declared."""
    data = tuple(ResolvedData(name=name, digest=value) for name, value in DATA.items())
    return ExperimentStatus(phase="Training", data=data).model_copy(update=changes)


def trial(index: int = 1, phase: str = "Running", **changes: Any) -> TrialStatus:
    return TrialStatus.model_validate({"index": index, "phase": phase} | changes)


def succeeded_trial(index: int = 1, objective: str = "0.5", **changes: Any) -> TrialStatus:
    known = {
        "objective": objective,
        "metrics": {"logLoss": objective},
        "manifest_digest": MODEL,
        "image": IMAGE,
        "parameters": {"leaves": "8", "rate": "0.05"},
    }
    return trial(index, "Succeeded", **(known | changes))


def chosen(**changes: Any) -> ExperimentStatus:
    """Trial 1 is the winner; its champion is not chosen yet."""
    return pinned(phase="Evaluating", trials=(succeeded_trial(),), winner=1, **changes)


CHAMPION = ChampionStatus(model_version="flights-v1", digest=digest("1"), image="champion@" + digest("2"))


def evaluation(phase: str = "Running", *, champion: ChampionStatus | None = CHAMPION) -> EvaluationStatus:
    return EvaluationStatus.model_validate(
        {"data_digest": DATA["evaluation"], "champion": champion, "phase": phase}
    )


def evaluating(phase: str = "Running", *, champion: ChampionStatus | None = CHAMPION) -> ExperimentStatus:
    return chosen(evaluation=evaluation(phase, champion=champion))


def registering(**changes: Any) -> ExperimentStatus:
    measured = evaluation("Succeeded").model_copy(update={"rows": 900, "metrics": {"auc": "0.7"}})
    passed = ({"metric": "auc", "verdict": "Pass", "challenger": "0.7"},)
    status = chosen(evaluation=measured).to_wire() | {"gates": list(passed), "phase": "Registering"}
    return ExperimentStatus.model_validate(status).model_copy(update=changes)


# --- what is observed --------------------------------------------------------------------------------------


def job(name: str = "winter-t1-a1", state: str = "Active", **parts: Any) -> JobObserved:
    known: dict[str, Any] = {"uid": f"uid-of-{name}", "resource_version": "10", "image": IMAGE}
    started = {"started_at": NOW} | ({"finished_at": NOW} if state != "Active" else {})
    return JobObserved(name=name, state=state, **(known | started | parts))  # type: ignore[arg-type]


def jobs(*listed: JobObserved) -> dict[str, JobObserved]:
    return {one.name: one for one in listed}


def result(attempt: int = 1, metrics: Mapping[str, float] | None = None) -> TrialResult:
    return TrialResult(attempt, MODEL, metrics or {"logLoss": 0.5121})


def comparison(metric: str = "logLoss", **parts: Any) -> Comparison:
    known: dict[str, Any] = {
        "metric": metric,
        "challenger": 0.55,
        "champion": 0.56,
        "difference": 0.01,
        "interval": (-0.02, 0.03),
        "groups": 30,
    }
    return Comparison(**(known | parts))


def evaluation_result(**parts: Any) -> EvaluationResult:
    known: dict[str, Any] = {
        "attempt": 1,
        "data_digest": DATA["evaluation"],
        "rows": 900,
        "groups": 30,
        "metrics": {"auc": 0.7, "logLoss": 0.55, "brier": 0.2, "accuracy": 0.8},
        "gates": (comparison(),),
    }
    return EvaluationResult(**(known | parts))


def version(number: int, **parts: Any) -> VersionObserved:
    known: dict[str, Any] = {
        "name": f"flights-v{number}",
        "version": number,
        "digest": digest("1"),
        "image": "champion@" + digest("2"),
        "approved": True,
        "experiment_uid": OTHER_UID,
    }
    return VersionObserved(**(known | parts))


def our_version(number: int) -> VersionObserved:
    return version(number, digest=MODEL, image=IMAGE, approved=False, experiment_uid=UID)


CARD = ModelCard(format="sklearn", framework="scikit-learn==1.9.1", python="3.11", file="model.joblib")


def artifact(**parts: Any) -> Artifact:
    signature = Signature(
        inputs=(Tensor("carrier", "BYTES"), Tensor("temp", "FP64", True)), outputs=(Tensor("late", "FP64"),)
    )
    record = TrialRecord(
        trial=Trial("flights", "winter", 1, 1, 7, Objective("logLoss", "minimize")),
        experiment_uid=UID,
        parameters={},
        metrics={"logLoss": 0.5},
        data=(),
        signature_digest=signature.digest,
        files={},
        size_bytes=1000,
        card=CARD,
    )
    known = Artifact(
        digest=MODEL,
        format="sklearn",
        size_bytes=1234,
        record=record,
        signature=signature,
        signature_digest=signature.digest,
        profile=None,
        profile_digest=digest("8"),
    )
    return replace(known, **parts)


def reservations(body: Mapping[str, Any] | None = None, **numbers: Any) -> Reservations:
    return Reservations(body, numbers.get("high_water", 0), numbers.get("reserved", {}))


def config_map(**data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "trimtab-model-flights", "namespace": "ml", "uid": "cm", "resourceVersion": "5"},
        "data": data,
    }


# --- reading plans -----------------------------------------------------------------------------------------


def condition(status: Mapping[str, Any] | None, type_: str) -> tuple[str, str] | None:
    """(status, reason) of a condition on the wire."""
    assert status is not None
    found = (c for c in status.get("conditions", ()) if c["type"] == type_)
    return next(((c["status"], c["reason"]) for c in found), None)


def history_ids(status: Mapping[str, Any] | None) -> list[str]:
    assert status is not None
    return [entry["id"] for entry in status.get("history", ())]
