"""Every record of the contract reads back what it wrote; wrong ones are refused by field."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from trimtab_runtime.contract.artifact import OciReference, parse_uri, result_tag
from trimtab_runtime.contract.config import (
    Config,
    FetchEvaluation,
    FetchModel,
    FetchTrial,
    Predict,
    PublishEvaluation,
    PublishTrial,
    RegistryAccess,
    format_config,
    parse_config,
)
from trimtab_runtime.contract.data import SPLITS, DataEntry, parse_data_contract
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.result import (
    Code,
    ModelCard,
    ModelPin,
    TrialRecord,
    parse_card,
    parse_result,
)
from trimtab_runtime.contract.signature import parse_signature, signature_of
from trimtab_runtime.contract.trial import Objective, Trial

DIGEST = "sha256:" + "a" * 64
SPEC: dict[str, Any] = {
    "label": "late",
    "timeColumn": "time",
    "groupColumn": "day",
    "columns": {
        "carrier": {"type": "string", "categories": ["AA", "UA"]},
        "temp": {"type": "double", "nullable": True, "range": {"min": "-40", "max": "1.5e2"}},
        "late": {"type": "int"},
    },
}
CONTRACT = parse_data_contract(SPEC)
TRIAL = Trial("flights", "flights-w", 1, 2, 7, Objective("logLoss", "minimize"))
ENTRIES = tuple(DataEntry(split, split, f"flights/{split}", DIGEST) for split in SPLITS)
REGISTRY = RegistryAccess("registry.trimtab.svc:5000", True, "/trimtab/ca/ca.crt", "/trimtab/credentials/x")
PIN = ModelPin("flights/models", DIGEST)

CONFIGS: list[Config] = [
    FetchTrial(REGISTRY, ENTRIES, CONTRACT, TRIAL, {"leaves": "8"}, 60),
    PublishTrial(
        REGISTRY, "flights/models", "uid-1", TRIAL, {}, ENTRIES, 60, Code("https://git", "4f"), "image"
    ),
    FetchEvaluation(REGISTRY, ENTRIES[3], CONTRACT, 1, PIN, None, 60),
    FetchEvaluation(REGISTRY, ENTRIES[3], CONTRACT, 1, PIN, PIN, 60),
    Predict("champion", 1, DIGEST),
    PublishEvaluation(1, DIGEST, True, 7),
    FetchModel(REGISTRY, PIN, 60),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: str(config.to_json()["command"]))
def test_configurations_survive(config: Config) -> None:
    assert parse_config(format_config(config)) == config


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: str(config.to_json()["command"]))
def test_each_configuration_field_is_required_and_none_is_ignored(config: Config) -> None:
    value = json.loads(format_config(config))
    for field in value:
        with pytest.raises(ContractError):
            parse_config(json.dumps({key: item for key, item in value.items() if key != field}))
    with pytest.raises(ContractError, match="not a field"):
        parse_config(json.dumps(value | {"extra": 1}))


def test_result_and_card_survive() -> None:
    card = ModelCard("sklearn", "scikit-learn==1.9.1", "3.11", "model.joblib")
    record = TrialRecord(
        TRIAL, "uid-1", {"a": "1"}, {"logLoss": 0.5}, ENTRIES, DIGEST, {"m/x": DIGEST}, 10, DIGEST, card
    )
    assert parse_result(record.to_bytes()) == record
    assert parse_card(card.to_bytes()) == card


def test_the_signature_is_the_features_in_order() -> None:
    signature = signature_of(CONTRACT)
    assert [(t.name, t.datatype, t.nullable) for t in signature.inputs] == [
        ("carrier", "BYTES", False),
        ("temp", "FP64", True),
    ]
    assert parse_signature(signature.to_bytes()) == signature


def test_the_data_contract_survives_in_both_shapes() -> None:
    assert parse_data_contract(CONTRACT.to_json()) == CONTRACT
    assert CONTRACT.column_names == ("carrier", "temp", "late", "time", "day")
    assert (CONTRACT.column("temp").minimum, CONTRACT.column("temp").maximum) == (-40.0, 150.0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": "time"}, "label"),
        ({"label": ""}, "label"),
        ({"columns": {}}, "columns"),
        ({"columns": {"late": {"type": "int"}}}, "columns"),
        ({"columns": {"trimtab_x": {"type": "int"}}}, "columns.trimtab_x"),
        ({"columns": {"a b": {"type": "int"}}}, "columns.a b"),
        ({"columns": {"x": {"type": "float"}}}, "columns.x.type"),
        ({"columns": {"x": {"type": "int", "nullable": "yes"}}}, "columns.x.nullable"),
        ({"columns": {"x": {"type": "int", "range": {"min": "5", "max": "1"}}}}, "columns.x.range.min"),
        ({"columns": {"x": {"type": "int", "range": {"min": 5}}}}, "columns.x.range.min"),
        ({"columns": {"x": {"type": "string", "range": {"min": "5"}}}}, "columns.x.range"),
        ({"columns": {"x": {"type": "int", "categories": ["1"]}}}, "columns.x.categories"),
        ({"columns": {"x": {"type": "string", "categories": ["a", "a"]}}}, "columns.x.categories"),
        ({"columns": {"x": {"type": "int", "unit": "F"}}}, "columns.x.unit"),
        ({"slices": []}, "slices"),
    ],
)
def test_wrong_data_contracts_name_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_data_contract(SPEC | change)
    assert caught.value.field == f"dataContract.{field}"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("oci://host/repo:tag", OciReference("host", "repo", "tag")),
        ("oci://host:5000/a/b-c/d_e:1.0", OciReference("host:5000", "a/b-c/d_e", "1.0")),
        (f"oci://host/a@{DIGEST}", OciReference("host", "a", "", DIGEST)),
        (f"oci://host/a:t@{DIGEST}", OciReference("host", "a", "t", DIGEST)),
    ],
)
def test_uris(uri: str, expected: OciReference) -> None:
    assert parse_uri(uri) == expected and str(expected) == uri


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("oci://host/repo", "needs a tag or a digest"),
        ("oci://host:5000/repo", "needs a tag or a digest"),
        ("https://host/repo:tag", "oci://"),
        ("oci://repo:tag", "host is missing"),
        ("oci:///repo:tag", "host is missing"),
        ("oci://host/Repo:tag", "lower case"),
        ("oci://host/a/../b:tag", "lower case"),
        ("oci://user:password@host/repo:tag", "host is missing"),
        ("oci://host/repo:", "tag is malformed"),
        ("oci://host/repo:a b", "tag is malformed"),
        ("oci://host/repo@sha256:12", "digest must be"),
        ("oci://host/repo:tag@", "digest must be"),
        ("oci://host/" + "a" * 2000 + ":tag", "form"),
    ],
)
def test_uris_that_are_refused(uri: str, message: str) -> None:
    with pytest.raises(ContractError, match=re.escape(message)) as caught:
        parse_uri(uri, field="spec.data[0].uri")
    assert caught.value.reason is Reason.URI_INVALID


def test_result_tags() -> None:
    assert result_tag("0b9f3c1e-1111", 3, 1) == "exp-0b9f3c1e-1111-3-1"
    for uid, trial, attempt in (("", 1, 1), ("UID", 1, 1), ("a/b", 1, 1), ("a", 0, 1), ("a", 1, 0)):
        with pytest.raises(ContractError):
            result_tag(uid, trial, attempt)
