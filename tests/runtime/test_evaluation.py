"""The evaluation Job: fetch -> predict-champion -> predict-challenger -> publish, against a real registry."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tests.registry import LocalRegistry
from tests.runtime.commands import Ended, run, run_here, train
from tests.runtime.world import World, rows

from trimtab_runtime.contract import artifact
from trimtab_runtime.contract.config import (
    FetchEvaluation,
    FetchModel,
    FetchTrial,
    Predict,
    PublishEvaluation,
)
from trimtab_runtime.contract.data import DataEntry
from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.message import EvaluationResult, TrialResult
from trimtab_runtime.contract.result import ModelPin, TrialRecord, parse_result
from trimtab_runtime.oci import Layer, Registry
from trimtab_runtime.scoring import auc

SIDES = ("challenger", "champion")


@dataclass(frozen=True)
class Models:
    """Two models trained on different rows, and the evaluation rows."""

    challenger: ModelPin
    champion: ModelPin
    fetched: FetchTrial

    @property
    def evaluation(self) -> DataEntry:
        return next(entry for entry in self.fetched.data if entry.split == "evaluation")

    def fetch(self, **changes: object) -> FetchEvaluation:
        config = FetchEvaluation(
            registry=self.fetched.registry,
            data=self.evaluation,
            data_contract=self.fetched.data_contract,
            attempt=1,
            challenger=self.challenger,
            champion=self.champion,
            deadline_seconds=20,
        )
        return replace(config, **changes)  # type: ignore[arg-type]

    @property
    def publish(self) -> PublishEvaluation:
        return PublishEvaluation(1, self.evaluation.digest, has_champion=True, seed=7)


def _train(world: World, root: Path) -> tuple[ModelPin, FetchTrial]:
    fetched = world.fetch_trial()
    assert run("fetch", fetched, root).code == 0
    ended = train(root)
    assert ended.code == 0, ended.log
    config = world.publish_trial(fetched)
    message = run("publish", config, root).message
    assert isinstance(message, TrialResult)
    return ModelPin(config.repository, message.manifest_digest), fetched


@pytest.fixture(scope="module")
def models(registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The champion learnt from labels half of which are wrong."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "data").mkdir()
    world = World(registry, folder / "data", "evaluation")
    challenger, fetched = _train(world, folder / "challenger")

    def spoil(made: list[dict[str, str]]) -> None:
        for row in made[::2]:
            row["late"] = str(1 - int(row["late"]))

    world.changes["train"] = spoil
    champion, _ = _train(world, folder / "champion")
    return Models(challenger, champion, fetched)


def _predict(root: Path, side: str, pin: ModelPin) -> Ended:
    """The container predict-<side>, with its own volumes: one model, the rows, its own output."""
    own = root / f"predict-{side}"
    shutil.copytree(root / "in", own / "in")
    shutil.copytree(root / "models" / side, own / "model")
    ended = run("predict", Predict(side, 1, pin.digest), own)
    if ended.code == 0:
        shutil.copytree(own / "out", root / "scores" / side)
    return ended


@pytest.fixture(scope="module")
def scored(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pod in which all but publish have ended."""
    root = tmp_path_factory.mktemp("scored")
    assert run("fetch", models.fetch(), root).code == 0
    for side, pin in ((("champion"), models.champion), ("challenger", models.challenger)):
        ended = _predict(root, side, pin)
        assert ended.code == 0, ended.log
    return root


@pytest.fixture
def pod(scored: Path, tmp_path: Path) -> Path:
    shutil.copytree(scored, tmp_path / "pod")
    return tmp_path / "pod"


def test_compares_both_models_on_the_same_rows(models: Models, pod: Path) -> None:
    ended = run("publish", models.publish, pod)
    assert ended.code == 0, ended.log
    assert len(ended.text) <= 2048
    result = ended.message
    assert isinstance(result, EvaluationResult)
    assert (result.rows, result.groups, result.data_digest) == (420, 7, models.evaluation.digest)
    gates = {gate.metric: gate for gate in result.gates}
    assert set(gates) == set(result.metrics) == {"logLoss", "brier", "auc", "accuracy"}
    for name, gate in gates.items():
        assert gate.challenger == result.metrics[name]
        assert gate.difference > 0 and gate.interval is not None
        assert gate.interval[0] < gate.difference < gate.interval[1]
    assert run("publish", models.publish, pod).text == ended.text  # seeded


def test_predict_sees_features_only(scored: Path) -> None:
    with (scored / "in/rows.csv").open() as file:
        header = next(csv.reader(file))
    assert header == ["trimtab_row", "carrier", "hour", "temp"]
    assert sorted(path.name for path in (scored / "in").iterdir()) == ["rows.csv"]


def test_scores_agree_with_the_rows(models: Models, scored: Path) -> None:
    """The AUC published is that of the model's own scores, joined by hand."""
    labels = [float(row["late"]) for row in rows("evaluation")]
    with (scored / "scores/challenger/challenger.csv").open() as file:
        scores = [float(row["trimtab_score"]) for row in csv.DictReader(file)]
    result = run("publish", models.publish, scored).message
    assert isinstance(result, EvaluationResult)
    assert result.metrics["auc"] == pytest.approx(auc(np.array(labels), np.array(scores)))


def test_without_champion_there_is_nothing_to_compare(models: Models, tmp_path: Path) -> None:
    root = tmp_path / "pod"
    assert run("fetch", models.fetch(champion=None), root).code == 0
    assert not (root / "models/champion").exists()
    assert _predict(root, "challenger", models.challenger).code == 0
    result = run("publish", replace(models.publish, has_champion=False), root).message
    assert isinstance(result, EvaluationResult) and result.gates == () and len(result.metrics) == 4


def _lines(change: Callable[[list[str]], None]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        lines = path.read_text().splitlines()
        change(lines)
        path.write_text("\n".join(lines) + "\n")

    return apply


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


SCORES: dict[str, tuple[Callable[[Path], None], Reason, str]] = {
    "missing file": (lambda path: path.unlink(), Reason.RESULT_MISSING, "predict-champion"),
    "missing rows": (_lines(lambda lines: lines.__delitem__(slice(5, 8))), Reason.RESULT_INVALID, "lacks 3"),
    "extra row": (_lines(lambda lines: lines.append("420,0.5")), Reason.RESULT_INVALID, "does not have"),
    "row twice": (_lines(lambda lines: lines.append("3,0.5")), Reason.RESULT_INVALID, "twice"),
    "NaN": (_lines(lambda lines: lines.__setitem__(3, "2,nan")), Reason.RESULT_INVALID, "no number"),
    "over 1": (_lines(lambda lines: lines.__setitem__(3, "2,1.5")), Reason.RESULT_INVALID, "no number"),
    "garbage": (lambda path: path.write_bytes(os.urandom(500)) and None, Reason.RESULT_INVALID, "UTF-8"),
    "1 MB": (lambda path: path.write_text("9" * 1_000_000) and None, Reason.RESULT_INVALID, "larger"),
    "other columns": (_lines(lambda lines: lines.__setitem__(0, "a,b")), Reason.RESULT_INVALID, "columns"),
    "link": (_link, Reason.RESULT_INVALID, "regular file"),
}


@pytest.mark.parametrize("fault", SCORES)
def test_bad_scores_are_named(models: Models, pod: Path, fault: str) -> None:
    change, reason, message = SCORES[fault]
    change(pod / "scores/champion/champion.csv")
    ended = run_here("publish", models.publish, pod)
    assert (ended.code, ended.failure.reason) == (42, reason), ended.log
    assert message in ended.failure.message + ended.failure.field
    assert ended.failure.field == "champion.csv"


@pytest.mark.parametrize("side", SIDES)
def test_a_model_changed_on_disk_is_never_loaded(models: Models, pod: Path, side: str) -> None:
    own = pod / f"predict-{side}"
    file = own / "model/model/model.joblib"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    digest = getattr(models, side).digest
    ended = run_here("predict", Predict("challenger", 1, digest), own)
    assert (ended.code, ended.failure.reason) == (42, Reason.DIGEST_MISMATCH)
    assert ended.failure.field == "model/model.joblib"


def test_a_model_of_another_digest_is_refused(models: Models, pod: Path) -> None:
    ended = run("predict", Predict("challenger", 1, models.champion.digest), pod / "predict-challenger")
    assert (ended.code, ended.failure.reason) == (42, Reason.DIGEST_MISMATCH)


def _gate_invalid(config: FetchEvaluation, root: Path, side: str, message: str) -> None:
    ended = run("fetch", config, root)
    assert (ended.code, ended.failure.reason, ended.failure.field) == (42, Reason.GATE_INVALID, side)
    assert message in ended.failure.message


def test_evaluation_data_that_a_model_was_trained_on(models: Models, tmp_path: Path) -> None:
    trained_on = next(entry for entry in models.fetched.data if entry.split == "train")
    data = replace(trained_on, name="evaluation", split="evaluation")
    _gate_invalid(models.fetch(data=data), tmp_path / "pod", "challenger", "trained on the evaluation data")


def test_evaluation_data_that_shares_days_with_training(models: Models, world: World, tmp_path: Path) -> None:
    """The digest is new; the champion's training rows tell."""

    def borrow(made: list[dict[str, str]]) -> None:
        made.extend(rows("train")[:4])

    world.changes["evaluation"] = borrow
    data = next(entry for entry in world.entries() if entry.split == "evaluation")
    _gate_invalid(models.fetch(data=data), tmp_path / "pod", "challenger", "4 rows and 1 groups")


def test_training_data_that_is_gone_counts_as_overlap(
    models: Models, registry: LocalRegistry, tmp_path: Path
) -> None:
    def lose(record: TrialRecord) -> TrialRecord:
        return replace(
            record, data=tuple(replace(entry, digest="sha256:" + "0" * 64) for entry in record.data)
        )

    champion = _repacked(registry.client, models.champion, lose)
    _gate_invalid(models.fetch(champion=champion), tmp_path / "a", "champion", "cannot be read any more")
    champion = _repacked(registry.client, models.champion, lambda record: replace(record, data=()))
    _gate_invalid(models.fetch(champion=champion), tmp_path / "b", "champion", "does not say")


def _repacked(client: Registry, pin: ModelPin, change: Callable[[TrialRecord], TrialRecord]) -> ModelPin:
    """The same model with another result.json."""
    manifest = client.manifest(pin.repository, pin.digest)
    contents = {
        layer.media_type: client.small_blob(pin.repository, layer, max_bytes=1 << 26)
        for layer in manifest.layers
    }
    record = change(parse_result(contents[artifact.RESULT_LAYER]))
    contents[artifact.RESULT_LAYER] = record.to_bytes()
    layers = [Layer(media_type, content) for media_type, content in contents.items()]
    return ModelPin(pin.repository, client.push(pin.repository, artifact.MODEL_ARTIFACT, layers))


def test_a_champion_of_other_inputs_is_named(models: Models, tmp_path: Path) -> None:
    columns = tuple(column for column in models.fetched.data_contract.columns if column.name != "temp")
    contract = replace(models.fetched.data_contract, columns=columns)
    ended = run("fetch", models.fetch(data_contract=contract), tmp_path / "pod")
    assert (ended.code, ended.failure.reason, ended.failure.field) == (42, Reason.DATA_INVALID, "temp")


def test_a_missing_model_is_artifact_missing(models: Models, tmp_path: Path) -> None:
    gone = replace(models.champion, digest="sha256:" + "0" * 64)
    ended = run("fetch", models.fetch(champion=gone), tmp_path / "pod")
    assert (ended.code, ended.failure.reason) == (42, Reason.ARTIFACT_MISSING)


def test_fetch_model_lays_out_a_serving_pod(models: Models, tmp_path: Path) -> None:
    config = FetchModel(models.fetched.registry, models.challenger, 20)
    root = tmp_path / "pod"
    assert run("fetch", config, root).code == 0
    assert run("fetch", config, root).code == 0  # a restarted pod fetches again
    names = sorted(str(path.relative_to(root / "model")) for path in (root / "model").rglob("*.*"))
    assert names == [
        "manifest.json",
        "model/model.joblib",
        "model/model.json",
        "profile.json",
        "result.json",
        "signature.json",
    ]


@pytest.mark.parametrize(("field", "value"), [("framework", "scikit-learn==0.1.0"), ("python", "3.1")])
def test_another_framework_version_is_refused(
    models: Models, registry: LocalRegistry, tmp_path: Path, field: str, value: str
) -> None:
    def claim(record: TrialRecord) -> TrialRecord:
        assert record.card is not None
        return replace(record, card=replace(record.card, **{field: value}))

    pin = _repacked(registry.client, models.champion, claim)
    assert run("fetch", models.fetch(champion=pin), tmp_path / "pod").code == 0
    ended = _predict(tmp_path / "pod", "champion", pin)
    assert (ended.code, ended.failure.reason, ended.failure.field) == (42, Reason.RUNTIME_MISMATCH, field)
