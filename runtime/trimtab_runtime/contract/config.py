"""The configuration of each of our containers: JSON in the environment variable TRIMTAB_CONFIG.

The operator builds one of these records and sets `format_config(record)` literally in the pod; the runtime
parses it back. Deadlines count from the start of the pod as `fetch` saw it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .artifact import HOST, REPOSITORY, UID
from .data import (
    EVALUATION,
    MAX_ENTRIES,
    TRAIN,
    VALIDATION,
    DataContract,
    DataEntry,
    parse_data_contract,
    parse_entries,
)
from .errors import ContractError, Reason
from .result import Code, ModelPin, parse_code, parse_pin
from .strict import CONTRACT, DIGEST, NAME, Fields, canonical, parse_json
from .trial import Trial, parse_parameters, parse_trial

MAX_CONFIG_BYTES = 120_000  # Linux allows 128 KiB for one environment variable


@dataclass(frozen=True)
class RegistryAccess:
    """How to reach the one registry. `credentials` and `ca_bundle` are paths in the pod, empty if unused."""

    host: str
    plain_http: bool = False
    ca_bundle: str = ""
    credentials: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "host": self.host,
            "plainHTTP": self.plain_http,
            "caBundle": self.ca_bundle,
            "credentials": self.credentials,
        }


@dataclass(frozen=True)
class FetchTrial:
    """`fetch trial`: all splits, checked against each other."""

    registry: RegistryAccess
    data: tuple[DataEntry, ...]
    data_contract: DataContract
    trial: Trial
    parameters: Mapping[str, str]
    deadline_seconds: int

    def to_json(self) -> dict[str, Any]:
        return {
            "command": "fetch trial",
            "registry": self.registry.to_json(),
            "data": [entry.to_json() for entry in self.data],
            "dataContract": self.data_contract.to_json(),
            "trial": self.trial.to_json(),
            "parameters": dict(self.parameters),
            "deadlineSeconds": self.deadline_seconds,
        }


@dataclass(frozen=True)
class PublishTrial:
    """`publish trial`: push the output of `train` to `repository` as exp-<uid>-<trial>-<attempt>."""

    registry: RegistryAccess
    repository: str
    experiment_uid: str
    trial: Trial
    parameters: Mapping[str, str]
    data: tuple[DataEntry, ...]
    deadline_seconds: int
    code: Code = field(default_factory=Code)
    image: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "command": "publish trial",
            "registry": self.registry.to_json(),
            "repository": self.repository,
            "experimentUid": self.experiment_uid,
            "trial": self.trial.to_json(),
            "parameters": dict(self.parameters),
            "data": [entry.to_json() for entry in self.data],
            "deadlineSeconds": self.deadline_seconds,
            "code": self.code.to_json(),
            "image": self.image,
        }


@dataclass(frozen=True)
class FetchEvaluation:
    """`fetch evaluation`: the evaluation rows, without labels for the models, and both models."""

    registry: RegistryAccess
    data: DataEntry
    data_contract: DataContract
    attempt: int
    challenger: ModelPin
    champion: ModelPin | None
    deadline_seconds: int

    def to_json(self) -> dict[str, Any]:
        return {
            "command": "fetch evaluation",
            "registry": self.registry.to_json(),
            "data": self.data.to_json(),
            "dataContract": self.data_contract.to_json(),
            "attempt": self.attempt,
            "challenger": self.challenger.to_json(),
            "champion": None if self.champion is None else self.champion.to_json(),
            "deadlineSeconds": self.deadline_seconds,
        }


@dataclass(frozen=True)
class Predict:
    """`predict`: score rows.csv with /trimtab/model, which must have this manifest digest."""

    side: str
    attempt: int
    digest: str

    def to_json(self) -> dict[str, Any]:
        return {"command": "predict", "side": self.side, "attempt": self.attempt, "digest": self.digest}


@dataclass(frozen=True)
class PublishEvaluation:
    """`publish evaluation`: compare the scores with the labels."""

    attempt: int
    data_digest: str
    has_champion: bool
    seed: int

    def to_json(self) -> dict[str, Any]:
        return {
            "command": "publish evaluation",
            "attempt": self.attempt,
            "dataDigest": self.data_digest,
            "hasChampion": self.has_champion,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class FetchModel:
    """`fetch model`: pull a model by manifest digest for serving."""

    registry: RegistryAccess
    model: ModelPin
    deadline_seconds: int

    def to_json(self) -> dict[str, Any]:
        return {
            "command": "fetch model",
            "registry": self.registry.to_json(),
            "model": self.model.to_json(),
            "deadlineSeconds": self.deadline_seconds,
        }


@dataclass(frozen=True)
class ServeModel:
    """`serve`: answer predictions with /trimtab/model, which must have this manifest digest.

    `profile_digest` is empty for a model without a profile: then nothing is counted per feature and score,
    and answers carry no label tokens.
    """

    model: str
    digest: str
    profile_digest: str = ""
    port: int = 8080
    max_label_age_seconds: int = 7 * 24 * 3600
    warmup_rows: int = 32
    max_rows: int = 1024

    def to_json(self) -> dict[str, Any]:
        return {
            "command": "serve",
            "model": self.model,
            "digest": self.digest,
            "profileDigest": self.profile_digest,
            "port": self.port,
            "maxLabelAgeSeconds": self.max_label_age_seconds,
            "warmupRows": self.warmup_rows,
            "maxRows": self.max_rows,
        }


Config = FetchTrial | PublishTrial | FetchEvaluation | Predict | PublishEvaluation | FetchModel | ServeModel


def format_config(config: Config) -> str:
    """The value of TRIMTAB_CONFIG."""
    data = canonical({"contract": CONTRACT} | config.to_json())
    if len(data) > MAX_CONFIG_BYTES:
        raise ContractError(
            Reason.CONFIG_INVALID,
            "dataContract",
            f"makes the configuration longer than {MAX_CONFIG_BYTES} bytes: declare fewer categories",
        )
    return data.decode()


def parse_config(text: str | bytes) -> Config:
    """Parse TRIMTAB_CONFIG; `command` says which record it is."""
    value = parse_json(text, reason=Reason.CONFIG_INVALID, name="config", max_bytes=MAX_CONFIG_BYTES)
    fields = Fields(value, Reason.CONFIG_INVALID, "config")
    fields.contract()
    config: Config
    match fields.take("command"):
        case "fetch trial":
            config = _parse_fetch_trial(fields)
        case "publish trial":
            config = _parse_publish_trial(fields)
        case "fetch evaluation":
            config = _parse_fetch_evaluation(fields)
        case "predict":
            side = fields.choice("side", ("challenger", "champion"))
            config = Predict(side, fields.integer("attempt", low=1), fields.digest("digest"))
        case "publish evaluation":
            config = PublishEvaluation(
                attempt=fields.integer("attempt", low=1),
                data_digest=fields.digest("dataDigest"),
                has_champion=fields.boolean("hasChampion"),
                seed=fields.integer("seed"),
            )
        case "fetch model":
            config = FetchModel(_parse_registry(fields), parse_pin(fields.object("model")), _deadline(fields))
        case "serve":
            config = _parse_serve(fields)
        case _:
            fields.fail("command", "is unknown: operator and runtime images must be of one version")
    fields.end()
    return config


def _parse_fetch_trial(fields: Fields) -> FetchTrial:
    return FetchTrial(
        registry=_parse_registry(fields),
        data=_parse_data(fields, TRAIN, VALIDATION, EVALUATION),
        data_contract=parse_data_contract(fields.take("dataContract")),
        trial=parse_trial(fields.take("trial")),
        parameters=parse_parameters(fields.take("parameters"), field="config"),
        deadline_seconds=_deadline(fields),
    )


def _parse_publish_trial(fields: Fields) -> PublishTrial:
    return PublishTrial(
        registry=_parse_registry(fields),
        repository=fields.text("repository", pattern=REPOSITORY, max_length=255),
        experiment_uid=fields.text("experimentUid", pattern=UID),
        trial=parse_trial(fields.take("trial")),
        parameters=parse_parameters(fields.take("parameters"), field="config"),
        data=_parse_data(fields),
        deadline_seconds=_deadline(fields),
        code=parse_code(fields.object("code")),
        image=fields.text("image"),
    )


def _parse_fetch_evaluation(fields: Fields) -> FetchEvaluation:
    (entry,) = parse_entries([fields.object("data")], required=(EVALUATION,))
    return FetchEvaluation(
        registry=_parse_registry(fields),
        data=entry,
        data_contract=parse_data_contract(fields.take("dataContract")),
        attempt=fields.integer("attempt", low=1),
        challenger=parse_pin(fields.object("challenger")),
        champion=parse_pin(fields.object("champion")) if fields.take("champion") is not None else None,
        deadline_seconds=_deadline(fields),
    )


def _parse_serve(fields: Fields) -> ServeModel:
    return ServeModel(
        model=fields.text("model", pattern=NAME),
        digest=fields.digest("digest"),
        profile_digest=fields.optional_text("profileDigest", pattern=DIGEST),
        port=fields.integer("port", low=1, high=65535),
        max_label_age_seconds=fields.integer("maxLabelAgeSeconds", low=1, high=366 * 24 * 3600),
        warmup_rows=fields.integer("warmupRows", low=1, high=10_000),
        max_rows=fields.integer("maxRows", low=1, high=100_000),
    )


def _parse_registry(fields: Fields) -> RegistryAccess:
    registry = fields.object("registry")
    access = RegistryAccess(
        host=registry.text("host", pattern=HOST),
        plain_http=registry.boolean("plainHTTP", default=False),
        ca_bundle=registry.optional_text("caBundle"),
        credentials=registry.optional_text("credentials"),
    )
    registry.end()
    return access


def _parse_data(fields: Fields, *required: str) -> tuple[DataEntry, ...]:
    return parse_entries(list(fields.objects("data", max_items=MAX_ENTRIES)), required=required)


def _deadline(fields: Fields) -> int:
    return fields.integer("deadlineSeconds", low=1, high=30 * 24 * 3600)
