"""The definitions: deterministic, checked in, bounded, and in step with the contracts of the pods."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from trimtab.apis import crd, reference
from trimtab.apis.v1alpha1 import data, gates, meta, modelversion
from trimtab.apis.v1alpha1.experiment import Experiment
from trimtab.apis.v1alpha1.modelversion import ModelVersion
from trimtab.cli.app import app
from trimtab.model import history
from trimtab.model.numbers import shown
from trimtab_runtime.contract import data as data_contract
from trimtab_runtime.contract import message
from trimtab_runtime.contract import metrics as metrics_contract
from trimtab_runtime.contract.artifact import parse_uri
from trimtab_runtime.contract.result import FRAMEWORK

ROOT = Path(__file__).parents[3]
KINDS = pytest.mark.parametrize("kind", crd.KINDS, ids=lambda kind: kind.name)


def nodes(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from nodes(member, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from nodes(schema[name], f"{path}[]")


def schema_nodes(kind: crd.Kind) -> list[tuple[str, dict[str, Any]]]:
    schema = crd.resource_schema(kind.model)
    return [node for part in ("spec", "status") for node in nodes(schema["properties"][part], part)]


@KINDS
def test_every_value_has_limits_so_that_rules_have_a_price(kind: crd.Kind) -> None:
    for path, node in schema_nodes(kind):
        match node:
            case {"type": "array"}:
                assert {"maxItems", "x-kubernetes-list-type"} <= node.keys(), path
            case {"additionalProperties": _}:
                assert "maxProperties" in node, path
            case {"type": "string"}:
                assert node.keys() & {"maxLength", "enum", "format"}, path


@KINDS
def test_every_message_says_what_is_wrong_in_one_line(kind: crd.Kind) -> None:
    for path, node in schema_nodes(kind):
        for rule in node.get("x-kubernetes-validations", []):
            assert rule["message"] and "\n" not in rule["message"], path


@KINDS
def test_rendering_is_deterministic_and_loads_as_what_was_meant(kind: crd.Kind) -> None:
    assert crd.render(kind) == crd.render(kind)
    assert yaml.safe_load(crd.render(kind)) == crd.definition(kind)


@KINDS
def test_the_reference_page_names_every_field(kind: crd.Kind) -> None:
    page = reference.render(kind)
    for path, _ in schema_nodes(kind):
        if not path.endswith("[]"):
            assert f"`{path.rpartition('.')[2]}`" in page, path


@pytest.mark.parametrize("command", ["crds", "reference"])
def test_what_is_checked_in_is_what_the_models_say(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, [command, "--check"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", ["crds", "reference"])
def test_check_names_what_is_stale_and_the_command_that_mends_it(command: str, tmp_path: Path) -> None:
    def run(*options: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [command, "--out", str(tmp_path), *options])
        return result.exit_code, result.output

    assert run("--check")[0] == 1
    assert run() == (0, "")
    assert run("--check") == (0, "")
    (tmp_path / "kept-by-hand").write_text("something else")
    first, second, third, *_ = sorted(path for path in tmp_path.iterdir() if path.name != "kept-by-hand")
    (tmp_path / f"old-{first.name}").write_text(first.read_text())
    first.write_text(first.read_text() + "\n")
    second.unlink()
    code, output = run("--check")
    assert code == 1
    assert f"{first} is out of date" in output
    assert f"{second} is missing" in output
    assert str(third) not in output, "it is as it should be"
    assert f"{tmp_path / ('old-' + first.name)} is no longer generated" in output
    assert f"Run `trimtab {command} --out {tmp_path}` and commit the result." in output
    assert "kept-by-hand" not in output


def test_what_a_pod_may_report_fits_into_status_and_version() -> None:
    """A value that the contract lets through and the schema refuses would block the object for ever."""
    status = crd.resource_schema(Experiment)["properties"]["status"]["properties"]
    version = crd.resource_schema(ModelVersion)["properties"]["spec"]["properties"]
    trial = status["trials"]["items"]["properties"]
    assert trial["metrics"]["maxProperties"] >= message.MAX_MESSAGE_METRICS
    assert status["evaluation"]["properties"]["metrics"]["maxProperties"] >= message.MAX_MESSAGE_METRICS
    assert trial["message"]["maxLength"] >= message.MAX_ERROR_FIELD + message.MAX_ERROR_MESSAGE + len(": ")
    assert version["signature"]["properties"]["inputs"]["maxItems"] >= data_contract.MAX_COLUMNS
    longest = "n" * 64 + "==" + "1" * 64
    assert FRAMEWORK.match(longest)
    assert version["runtime"]["properties"]["framework"]["maxLength"] >= len(longest)
    assert status["history"]["maxItems"] >= history.HISTORY_LIMIT


@given(st.floats(min_value=-1e308, max_value=1e308))
def test_every_finite_number_can_be_reported(value: float) -> None:
    for text in (repr(value), shown(value)):
        assert re.match(meta.MEASURED_PATTERN, text) and len(text) <= 36
        assert math.isclose(float(text), value, rel_tol=1e-9, abs_tol=5e-324)


@given(st.from_regex(data.URI_PATTERN, fullmatch=True).filter(lambda uri: len(uri) < 200))
def test_the_pods_read_every_uri_that_admission_lets_in(uri: str) -> None:
    if re.search("[^/][:@][^/]+$", uri):
        assert str(parse_uri(uri)) == uri


def test_enumerations_are_those_of_the_pods() -> None:
    assert set(get_args(data.Split)) == set(data_contract.SPLITS)
    assert set(get_args(data.ColumnType)) == set(data_contract.DATATYPES)
    assert set(get_args(gates.GateMetric)) == set(metrics_contract.EVALUATION_METRICS)
    datatype = modelversion.Tensor.model_fields["datatype"].annotation
    assert set(get_args(datatype)) == set(data_contract.DATATYPES.values())
