"""XGBoost and ONNX beside scikit-learn: trained, saved, evaluated and served by real processes."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
from tests.runtime.commands import run, train
from tests.runtime.model_folder import assemble, running_server
from tests.runtime.test_server import prepare, trained_model
from tests.runtime.world import CONTRACT

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import Predict, ServeModel
from trimtab_runtime.contract.errors import EXIT_DO_NOT_RETRY, Reason
from trimtab_runtime.contract.result import parse_card

NUMBERS = replace(CONTRACT, columns=tuple(c for c in CONTRACT.columns if c.name != "carrier"))
DATATYPES = {"carrier": "BYTES", "hour": "INT64", "temp": "FP64"}
# The last IR version and operator set that the installed onnxruntime can know are far below these.
UNKNOWN_IR, UNKNOWN_OPSET = 99, 999


def _rows(root: Path, contract: Any) -> list[dict[str, str]]:
    """The evaluation rows as `fetch evaluation` writes them."""
    names = [column.name for column in contract.features]
    with (root / "csv/evaluation.csv").open() as file:
        found = [{name: row[name] for name in names} for row in csv.DictReader(file)][:100]
    folder = root / "in"
    folder.mkdir(exist_ok=True)
    with (folder / paths.ROWS_FILE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([paths.ROW_COLUMN, *names])
        writer.writerows([number, *row.values()] for number, row in enumerate(found))
    return found


def _predicted(root: Path, config: ServeModel) -> list[float]:
    ended = run("predict", Predict("challenger", 1, config.digest), root)
    assert ended.code == 0, ended.log
    with (root / "out/challenger.csv").open() as file:
        return [float(row[paths.SCORE_COLUMN]) for row in csv.DictReader(file)]


def _value(name: str, cell: str) -> Any:
    if not cell:
        return None
    return {"BYTES": str, "INT64": int, "FP64": float}[DATATYPES[name]](cell)


@pytest.mark.parametrize(
    ("how", "format_", "framework", "contract"),
    [
        ("xgboost", "xgboost", "xgboost==", NUMBERS),
        ("xgboost-frame", "xgboost", "xgboost==", NUMBERS),
        ("onnx", "onnx", "onnxruntime==", CONTRACT),
        ("onnx-matrix", "onnx", "onnxruntime==", NUMBERS),
    ],
)
def test_a_model_answers_served_as_it_did_evaluated(
    tmp_path: Path, how: str, format_: str, framework: str, contract: Any
) -> None:
    config = trained_model(tmp_path, how, contract)
    card = parse_card((tmp_path / "model/model/model.json").read_bytes())
    assert card.format == format_ and card.framework.startswith(framework)
    rows = _rows(tmp_path, contract)
    scores = _predicted(tmp_path, config)
    assert len({round(score, 6) for score in scores}) > 10, "the model learnt something"
    with running_server(tmp_path, config) as server:
        batch = {name: (DATATYPES[name], [_value(name, row[name]) for row in rows]) for name in rows[0]}
        answer = server.infer(batch)
        assert answer.ok, answer.text
        assert answer.json()["outputs"][0]["data"] == pytest.approx(scores, abs=1e-12)
        counts = server.page().counts
        assert counts.rows() == sum(counts.scores()) == len(rows)


@pytest.mark.parametrize(
    ("how", "contract", "says"),
    [
        ("xgboost", CONTRACT, "XGBoost takes numbers only, and carrier are texts"),
        ("xgboost-missing", NUMBERS, "its format does not keep a setting of it, such as `missing`"),
        ("onnx-zipmap", CONTRACT, "options={'zipmap': False}"),
        ("onnx-numbers", CONTRACT, "without carrier, and with none that is no feature"),
        ("onnx-matrix", CONTRACT, "must have the shape [rows, 3]"),
    ],
)
def test_a_model_that_could_not_be_served_is_not_saved(
    tmp_path: Path, how: str, contract: Any, says: str
) -> None:
    prepare(tmp_path, contract)
    ended = train(tmp_path, how)
    assert ended.code != 0 and says in ended.log, ended.log
    assert not (tmp_path / "out/signature.json").exists()


def _with_unknown_ir(data: bytes) -> bytes:
    model = onnx.load_from_string(data)
    model.ir_version = UNKNOWN_IR
    return bytes(model.SerializeToString())


def _with_unknown_opset(data: bytes) -> bytes:
    model = onnx.load_from_string(data)
    model.opset_import[0].version = UNKNOWN_OPSET
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pod's folder with an ONNX model."""
    root = tmp_path_factory.mktemp("exported")
    trained_model(root, "onnx-matrix", NUMBERS)
    return root


@pytest.mark.parametrize(
    ("change", "reason", "says"),
    [
        (_with_unknown_ir, Reason.RUNTIME_MISMATCH, "IR version"),
        (_with_unknown_opset, Reason.RUNTIME_MISMATCH, "opset"),
        (lambda data: b"nonsense", Reason.MODEL_INVALID, "cannot be loaded"),
    ],
    ids=["an IR version", "an operator set", "no ONNX at all"],
)
def test_an_onnx_file_that_this_onnxruntime_does_not_know_is_told_apart(
    exported: Path, tmp_path: Path, change: Callable[[bytes], bytes], reason: Reason, says: str
) -> None:
    root = tmp_path / "pod"
    shutil.copytree(exported, root)
    file = root / "out/model/model.onnx"
    file.write_bytes(change(file.read_bytes()))
    ended = run("predict", Predict("challenger", 1, assemble(root).digest), root)
    assert (ended.code, ended.failure.reason) == (EXIT_DO_NOT_RETRY, reason)
    assert says in ended.failure.message
    assert onnxruntime.__version__ in ended.failure.message or reason is Reason.MODEL_INVALID


def test_a_model_of_another_onnxruntime_is_a_runtime_mismatch(exported: Path, tmp_path: Path) -> None:
    root = tmp_path / "pod"
    shutil.copytree(exported, root)
    card_file = root / "out/model/model.json"
    card = parse_card(card_file.read_bytes())
    card_file.write_bytes(replace(card, framework="onnxruntime==1.0.0").to_bytes())
    ended = run("predict", Predict("challenger", 1, assemble(root).digest), root)
    assert (ended.code, ended.failure.reason) == (EXIT_DO_NOT_RETRY, Reason.RUNTIME_MISMATCH)
    assert "onnxruntime==1.0.0" in ended.failure.message


def test_an_image_without_the_framework_says_which_package_it_lacks(exported: Path, tmp_path: Path) -> None:
    """onnxruntime is hidden from the process, as in the image that Trimtab ships."""
    root = tmp_path / "pod"
    shutil.copytree(exported, root)
    hidden = tmp_path / "hidden"
    (hidden / "onnxruntime").mkdir(parents=True)
    (hidden / "onnxruntime/__init__.py").write_text("raise ModuleNotFoundError(name=__name__)\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(hidden))
        ended = run("predict", Predict("challenger", 1, assemble(root).digest), root)
    assert (ended.code, ended.failure.reason) == (EXIT_DO_NOT_RETRY, Reason.RUNTIME_MISMATCH)
    assert "onnxruntime, which this image has not" in ended.failure.message
