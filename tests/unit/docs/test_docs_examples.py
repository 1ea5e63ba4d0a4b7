"""YAML, JSON and Python of the pages: read by the models of the API, checked by schemas, compiled, run."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from tests.runtime.world import CONTRACT, TRIAL, rows
from tests.unit.docs.pages import CLONE, Block, all_blocks, marked

from trimtab.apis.v1alpha1 import (
    analysis,
    data,
    deployment,
    deployment_status,
    driftmonitor,
    driftmonitor_status,
    experiment,
    experiment_status,
    gates,
    traffic,
)
from trimtab.apis.v1alpha1 import rollout as rollouts
from trimtab.apis.v1alpha1.meta import ApiModel
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.data import TRIAL_SPLITS, DataEntry
from trimtab_runtime.contract.result import parse_card
from trimtab_runtime.contract.signature import parse_signature
from trimtab_runtime.publish.output import read_output

YAML = all_blocks("yaml")
GUIDE = CLONE / "docs" / "experiment.md"
PYTHON = all_blocks("python")
PROGRAM = next(block for block in PYTHON if block.page == GUIDE and "save_model(" in block.text)
WHOLE: dict[str, type[ApiModel]] = {
    "Experiment": experiment.Experiment,
    "Evaluation": gates.Evaluation,
    "ExperimentStatus": experiment_status.ExperimentStatus,
    "Deployment": deployment.Deployment,
    "ModelReference": deployment.ModelReference,
    "Serving": deployment.Serving,
    "Traffic": traffic.Traffic,
    "Rollout": rollouts.Rollout,
    "Analysis": analysis.Analysis,
    "Metric": analysis.Metric,
    "DeploymentStatus": deployment_status.DeploymentStatus,
    "DriftMonitor": driftmonitor.DriftMonitor,
    "DriftMonitorStatus": driftmonitor_status.DriftMonitorStatus,
}


def block_id(block: Block) -> str:
    return block.id


@pytest.mark.parametrize("block", YAML, ids=block_id)
def test_yaml_is_what_its_mark_says(block: Block) -> None:
    document = yaml.safe_load(block.text)
    match block.mark.kind, block.mark.name:
        case "model", "ExperimentSpec":
            _check_members(experiment.ExperimentSpec, document)
        case "model", "Columns":
            columns = {name: data.Column.model_validate(column) for name, column in document.items()}
            assert columns
        case "model", name:
            read = WHOLE[name].model_validate(document)
            assert set(_leaves(read.to_wire())) >= set(_leaves(document)), "a field was ignored"
        case "values", schema:
            jsonschema.validate(document, json.loads((CLONE / schema).read_text()))
        case _:
            pytest.fail("mark the block with the model that reads it")


def _check_members(model: type[ApiModel], document: dict[str, Any]) -> None:
    """Some members of a model, each read as that model reads it: the rest comes from the sample."""
    whole = yaml.safe_load((CLONE / "examples/flights/experiment-winter.yaml").read_text())["spec"]
    model.model_validate(whole | document)


def _leaves(value: Any, path: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, member in value.items() for leaf in _leaves(member, f"{path}.{key}")]
    if isinstance(value, list):
        return [leaf for i, member in enumerate(value) for leaf in _leaves(member, f"{path}[{i}]")]
    return [(path, str(value))]


@pytest.mark.parametrize("block", [block for block in PYTHON if block != PROGRAM], ids=block_id)
def test_python_imports_what_exists(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


def test_the_training_program_trains(tmp_path: Path) -> None:
    """The program of the guide, on files as `fetch` lays them out, leaves what `publish` takes."""
    _lay_out_trial(tmp_path)
    # One thread, set before the library loads: two that spin for one busy core take a minute.
    environment = os.environ | {paths.ROOT_ENV: str(tmp_path), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", PROGRAM.text], env=environment, check=True)
    output = read_output(tmp_path / "out", objective=TRIAL.objective.metric)
    assert output.profile is not None
    assert output.card is not None


def _lay_out_trial(root: Path) -> None:
    """The data of the runtime's tests without its text column: the short program does not encode texts."""
    folder = root / "in"
    numeric = tuple(column for column in CONTRACT.columns if column.name != "carrier")
    contract = CONTRACT.to_json() | {
        "columns": [c for c in CONTRACT.to_json()["columns"] if c["name"] != "carrier"]
    }
    names = [*(column.name for column in numeric), "late", "time", "day"]
    entries: list[dict[str, str]] = []
    for split in TRIAL_SPLITS:
        file = folder / paths.DATA_FOLDER / split / f"{split}.csv"
        file.parent.mkdir(parents=True)
        lines = [",".join(row[name] for name in names) for row in rows(split, per_day=20)]
        file.write_text("\n".join([",".join(names), *lines]) + "\n")
        entries.append(DataEntry(split, split, f"w/{split}", "sha256:" + f"{len(entries)}" * 64).to_json())
    files = {
        paths.TRIAL_FILE: TRIAL.to_json(),
        paths.PARAMS_FILE: {"leaves": "4"},
        paths.SCHEMA_FILE: contract,
        paths.DATA_FILE: entries,
    }
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value))


def test_the_first_model_applies_the_sample_with_the_names_of_the_reader() -> None:
    (command,) = re.findall(r"^sed (?:.|\n)+?(?= \| kubectl)", marked("run", "first-model"), re.MULTILINE)
    names = {"REGISTRY": "oci.test:5000", "TRAIN_IMAGE": "oci.test/train@sha256:" + "1" * 64}
    done = subprocess.run(
        ["sh", "-euc", command], cwd=CLONE, env=os.environ | names, capture_output=True, text=True, check=True
    )
    applied = experiment.Experiment.model_validate(yaml.safe_load(done.stdout))
    assert applied.spec.trial.image == names["TRAIN_IMAGE"]
    assert {entry.uri.split("/")[2] for entry in applied.spec.data} == {names["REGISTRY"]}
    assert applied.metadata.name == "flights-winter" and applied.spec.model == "flights"


def test_json_of_other_languages_is_what_publish_reads() -> None:
    forms = dict(re.findall(r"^\| `([\w/.]+)` \| `(\{\"contract\".+?\})`", GUIDE.read_text(), re.MULTILINE))
    parse_signature(forms["signature.json"].encode())
    parse_card(forms["model/model.json"].encode())


def test_files_in_and_out_are_those_of_the_contract() -> None:
    text = GUIDE.read_text()
    inside = (paths.TRIAL_FILE, paths.PARAMS_FILE, paths.SCHEMA_FILE, paths.DATA_FILE)
    out = (f"{paths.MODEL_FOLDER}/", paths.METRICS_FILE, paths.SIGNATURE_FILE, paths.PROFILE_FILE)
    for name in (*inside, *out):
        assert f"\n| `{name}` |" in text, name
    for folder in (paths.IN, paths.OUT):
        assert f"`{folder}`" in text
