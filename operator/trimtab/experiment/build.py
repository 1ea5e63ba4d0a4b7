"""Builds the Jobs of an Experiment: desired fields only, one function per Job."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.apis.v1alpha1.experiment_status import ChampionStatus, EvaluationStatus, TrialStatus
from trimtab.experiment import jobs
from trimtab.experiment.observed import ExperimentObserved
from trimtab.experiment.reasons import Reason
from trimtab.model import names, pods
from trimtab.model.errors import Terminal
from trimtab.model.plan import Create
from trimtab.model.pods import (
    Json,
    config_env,
    literal,
    literal_env,
    mount,
    own_container,
    scratch,
    user_container,
)
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.artifact import parse_uri
from trimtab_runtime.contract.config import (
    FetchEvaluation,
    FetchTrial,
    Predict,
    PublishEvaluation,
    PublishTrial,
)
from trimtab_runtime.contract.data import DataContract, DataEntry, parse_data_contract
from trimtab_runtime.contract.result import Code, ModelPin
from trimtab_runtime.contract.trial import Objective, Trial

EVALUATION_RETRIES = 2


def trial_parameters(observed: ExperimentObserved, trial: TrialStatus) -> dict[str, str]:
    """Fixed and drawn parameters together."""
    return {**observed.spec.parameters, **trial.parameters}


# `$$` comes first: in a pod it stands for one `$`, so `$$(params.x)` is text and no reference.
_REFERENCE = re.compile(r"\$\$|\$\(params\.([^)]*)\)")


def substitute(text: str, parameters: Mapping[str, str]) -> str:
    """``$(params.x)`` replaced in one pass: what a value brings along is expanded neither here nor by the
    kubelet. Other references are the kubelet's."""

    def replacement(found: re.Match[str]) -> str:
        value = parameters.get(found[1] or "")
        return found[0] if value is None else literal(value)

    return _REFERENCE.sub(replacement, text)


def data_contract(observed: ExperimentObserved) -> DataContract:
    return parse_data_contract(observed.spec.data_contract.to_wire())


def data_entries(observed: ExperimentObserved) -> tuple[DataEntry, ...]:
    """The data of the spec, pinned to the digests recorded in status."""
    digests = {entry.name: entry.digest for entry in observed.status.data}
    lost = [source.name for source in observed.spec.data if source.name not in digests]
    if lost:
        raise Terminal(
            Reason.INVALID_STATUS,
            f"status.data lacks {lost[0]}: somebody has edited the status; restore it, or create a new "
            "Experiment",
        )
    return tuple(
        DataEntry(source.name, source.split, parse_uri(source.uri).repository, digests[source.name])
        for source in observed.spec.data
    )


def evaluation_entry(observed: ExperimentObserved) -> DataEntry:
    return next(entry for entry in data_entries(observed) if entry.split == "evaluation")


def trial_job(observed: ExperimentObserved, trial: TrialStatus) -> Create:
    """fetch -> train -> publish: credentials only in the first and the last."""
    spec, settings = observed.spec, observed.settings
    identity = Trial(
        model=spec.model,
        experiment=observed.name,
        trial=trial.index,
        attempt=trial.attempt,
        seed=spec.seed,
        objective=Objective(spec.objective.metric, spec.objective.goal),
    )
    parameters = trial_parameters(observed, trial)
    deadline = spec.trial.deadline_seconds
    fetch = FetchTrial(
        registry=pods.registry_access(settings, push=False),
        data=data_entries(observed),
        data_contract=data_contract(observed),
        trial=identity,
        parameters=parameters,
        deadline_seconds=deadline,
    )
    publish = PublishTrial(
        registry=pods.registry_access(settings, push=True),
        repository=names.model_repository(spec.model),
        experiment_uid=observed.uid,
        trial=identity,
        parameters=parameters,
        data=data_entries(observed),
        deadline_seconds=deadline,
        code=Code(spec.code.repository, spec.code.revision) if spec.code else Code(),
        image=spec.trial.image,
    )
    return jobs.job(
        name=names.trial_job(observed.name, trial.index, trial.attempt),
        owner=observed.body,
        labels=jobs.labels(observed.name, spec.model, trial.attempt, trial=trial.index),
        template=spec.trial,
        init_containers=[
            own_container(
                names.CONTAINER_FETCH,
                settings,
                fetch,
                ["fetch"],
                [mount("in", paths.IN)],
                registry="read",
            ),
            _train_container(observed, parameters),
        ],
        container=own_container(
            names.CONTAINER_PUBLISH,
            settings,
            publish,
            ["publish"],
            [mount("in", paths.IN, read_only=True), mount("out", paths.OUT, read_only=True)],
            registry="push",
        ),
        volumes=[scratch("in"), scratch("out"), *pods.registry_volumes(settings, "read", "push")],
        retries=spec.trial.retries,
        deadline_seconds=deadline,
        default_container=names.CONTAINER_TRAIN,
    )


def _train_container(observed: ExperimentObserved, parameters: Mapping[str, str]) -> Json:
    trial = observed.spec.trial
    return user_container(
        names.CONTAINER_TRAIN,
        trial.image,
        [mount("in", paths.IN, read_only=True), mount("out", paths.OUT)],
        resources=trial.resources.to_wire(),
        command=[substitute(part, parameters) for part in trial.command],
        args=[substitute(part, parameters) for part in trial.args],
        env=literal_env(trial.env),
    )


def evaluation_job(observed: ExperimentObserved, winner: TrialStatus, evaluation: EvaluationStatus) -> Create:
    """fetch -> predict-champion -> predict-challenger -> publish: labels only in the first and the last."""
    spec, settings = observed.spec, observed.settings
    attempt, champion = evaluation.attempt, evaluation.champion
    entry = evaluation_entry(observed)
    repository = names.model_repository(spec.model)
    sides = _sides(winner, champion)
    fetch = FetchEvaluation(
        registry=pods.registry_access(settings, push=False),
        data=entry,
        data_contract=data_contract(observed),
        attempt=attempt,
        challenger=ModelPin(repository, str(winner.manifest_digest)),
        champion=ModelPin(repository, champion.digest) if champion else None,
        deadline_seconds=spec.evaluation.deadline_seconds,
    )
    publish = PublishEvaluation(
        attempt=attempt, data_digest=entry.digest, has_champion=champion is not None, seed=spec.seed
    )
    fetch_mounts = [
        mount("in", paths.IN),
        mount("labels", paths.LABELS),
        *(mount(f"model-{side}", paths.MODELS / side) for side, _, _ in sides),
    ]
    publish_mounts = [
        mount("labels", paths.LABELS, read_only=True),
        *(mount(f"scores-{side}", paths.SCORES / side, read_only=True) for side, _, _ in sides),
    ]
    return jobs.job(
        name=names.evaluation_job(observed.name, attempt),
        owner=observed.body,
        labels=jobs.labels(observed.name, spec.model, attempt),
        template=spec.trial,
        init_containers=[
            own_container(names.CONTAINER_FETCH, settings, fetch, ["fetch"], fetch_mounts, registry="read"),
            *(_predict_container(observed, side, image, digest, attempt) for side, image, digest in sides),
        ],
        container=own_container(names.CONTAINER_PUBLISH, settings, publish, ["publish"], publish_mounts),
        volumes=[
            *_evaluation_volumes([side for side, _, _ in sides]),
            *pods.registry_volumes(settings, "read"),
        ],
        retries=EVALUATION_RETRIES,
        deadline_seconds=spec.evaluation.deadline_seconds,
        default_container=f"predict-{paths.CHALLENGER}",
    )


def _sides(winner: TrialStatus, champion: ChampionStatus | None) -> list[tuple[str, str, str]]:
    """(side, image, digest) in the order in which they predict."""
    challenger = (paths.CHALLENGER, str(winner.image), str(winner.manifest_digest))
    if champion is None:
        return [challenger]
    return [(paths.CHAMPION, champion.image, champion.digest), challenger]


def _predict_container(
    observed: ExperimentObserved, side: str, image: str, digest: str, attempt: int
) -> Json:
    return user_container(
        f"predict-{side}",
        image,
        [
            mount("in", paths.IN, read_only=True),
            mount(f"model-{side}", paths.MODEL, read_only=True),
            mount(f"scores-{side}", paths.OUT),
        ],
        resources=observed.spec.trial.resources.to_wire(),
        command=["python", "-m", "trimtab_runtime", "predict"],
        env=[*literal_env(observed.spec.trial.env), config_env(Predict(side, attempt, digest))],
    ) | {"terminationMessagePolicy": "File"}


def _evaluation_volumes(sides: Sequence[str]) -> list[dict[str, Any]]:
    per_side = [scratch(f"{what}-{side}") for side in sides for what in ("model", "scores")]
    return [scratch("in"), scratch("labels"), *per_side]
