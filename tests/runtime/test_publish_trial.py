"""fetch -> train -> publish: what is pushed, and every way in which user code can fail to deliver."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.registry import LocalRegistry
from tests.runtime.commands import finish, run, run_here, start, train
from tests.runtime.world import UID, World

from trimtab_runtime.contract import artifact
from trimtab_runtime.contract.config import PublishTrial
from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.message import TrialResult
from trimtab_runtime.contract.profile import parse_profile
from trimtab_runtime.contract.result import parse_result
from trimtab_runtime.contract.signature import parse_signature, signature_of


@pytest.fixture(scope="module")
def trained(registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PublishTrial]:
    """A pod in which fetch and train have ended well; tests copy it."""
    root = tmp_path_factory.mktemp("trained")
    (root / "data").mkdir()
    world = World(registry, root / "data", "publish")
    fetched = world.fetch_trial()
    assert run("fetch", fetched, root / "pod").code == 0
    ended = train(root / "pod")
    assert ended.code == 0, ended.log
    return root / "pod", world.publish_trial(fetched)


@pytest.fixture
def pod(trained: tuple[Path, PublishTrial], tmp_path: Path) -> tuple[Path, PublishTrial]:
    """A copy of that pod, as young as if it had just started."""
    shutil.copytree(trained[0], tmp_path / "pod")
    os.utime(tmp_path / "pod/in/trial.json")
    return tmp_path / "pod", trained[1]


def test_pushes_four_layers_and_leaves_the_message(
    pod: tuple[Path, PublishTrial], registry: LocalRegistry
) -> None:
    root, config = pod
    ended = run("publish", config, root)
    assert ended.code == 0, ended.log
    message = ended.message
    assert isinstance(message, TrialResult)
    assert set(message.metrics) == {"logLoss", "fitSeconds"} and 0.3 < message.metrics["logLoss"] < 0.69

    client, digest = registry.client, message.manifest_digest
    assert client.resolve(config.repository, f"exp-{UID}-1-1") == digest
    manifest = client.manifest(config.repository, digest)
    assert manifest.artifact_type == artifact.MODEL_ARTIFACT
    assert [layer.media_type for layer in manifest.layers] == [
        artifact.MODEL_LAYER,
        artifact.SIGNATURE_LAYER,
        artifact.PROFILE_LAYER,
        artifact.RESULT_LAYER,
    ]

    def read(media_type: str) -> bytes:
        return client.small_blob(config.repository, manifest.layer(media_type))

    record = parse_result(read(artifact.RESULT_LAYER))
    signature = parse_signature(read(artifact.SIGNATURE_LAYER))
    profile = parse_profile(read(artifact.PROFILE_LAYER))
    assert set(record.files) == {"model.joblib", "model.json"}
    assert record.card is not None and record.card.framework.startswith("scikit-learn==")
    assert (record.data, record.image) == (config.data, config.image)
    assert signature.digest == profile.signature_digest == record.signature_digest
    assert profile.digest == record.profile_digest == manifest.layer(artifact.PROFILE_LAYER).digest
    assert profile.data_digest == next(e.digest for e in config.data if e.split == "reference")
    assert profile.span == ("2013-01-12T00:00:00Z", "2013-01-18T23:00:00Z")
    assert profile.rows == 420


def test_equal_output_gives_an_equal_digest(pod: tuple[Path, PublishTrial]) -> None:
    root, config = pod
    first = run("publish", config, root).message
    for file in (root / "out/model").iterdir():
        os.utime(file, (1, 1))
    assert run("publish", config, root).message == first


def test_a_model_fitted_on_a_frame(world: World, tmp_path: Path) -> None:
    fetched = world.fetch_trial()
    assert run("fetch", fetched, tmp_path / "pod").code == 0
    assert train(tmp_path / "pod", "frame").code == 0
    assert run("publish", world.publish_trial(fetched), tmp_path / "pod").code == 0


def test_save_model_refuses_a_reference_from_training(world: World, tmp_path: Path) -> None:
    assert run("fetch", world.fetch_trial(), tmp_path / "pod").code == 0
    ended = train(tmp_path / "pod", "leak")
    assert ended.code == 1 and "the reference is the data of split train" in ended.log
    assert not (tmp_path / "pod/out/model").exists()


def _nothing(out: Path) -> None:
    shutil.rmtree(out)


def _write(name: str, data: bytes) -> Callable[[Path], None]:
    def change(out: Path) -> None:
        (out / name).unlink(missing_ok=True)
        (out / name).write_bytes(data)

    return change


def _edit(name: str, **changes: object) -> Callable[[Path], None]:
    return lambda out: _write(name, json.dumps(json.loads((out / name).read_text()) | changes).encode())(out)


def _link(name: str, target: str) -> Callable[[Path], None]:
    def change(out: Path) -> None:
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(target)

    return change


def _pipe(name: str) -> Callable[[Path], None]:
    def change(out: Path) -> None:
        (out / name).unlink(missing_ok=True)
        os.mkfifo(out / name)

    return change


def _linked_model(out: Path) -> None:
    shutil.rmtree(out / "model")
    (out / "model").symlink_to(out)


METRIC = '{"step":0,"metric":"logLoss","value":%s}\n'
DELIVERIES: dict[str, tuple[Callable[[Path], None], Reason, str]] = {
    "exits 0 without output": (_nothing, Reason.RESULT_MISSING, "model/"),
    "no model": (lambda out: shutil.rmtree(out / "model"), Reason.RESULT_MISSING, "model/"),
    "empty model": (
        lambda out: [file.unlink() for file in (out / "model").iterdir()] and None,
        Reason.RESULT_MISSING,
        "model/",
    ),
    "no metrics": (lambda out: (out / "metrics.jsonl").unlink(), Reason.RESULT_MISSING, "metrics.jsonl"),
    "no signature": (lambda out: (out / "signature.json").unlink(), Reason.RESULT_MISSING, "signature.json"),
    "other metric": (
        _write("metrics.jsonl", b'{"step":0,"metric":"auc","value":0.5}\n'),
        Reason.RESULT_MISSING,
        "metrics.jsonl/logLoss",
    ),
    "NaN only": (
        _write("metrics.jsonl", (METRIC % "NaN").encode()),
        Reason.RESULT_INVALID,
        "metrics.jsonl/logLoss",
    ),
    "infinite": (
        _write("metrics.jsonl", (METRIC % "1e999").encode()),
        Reason.RESULT_INVALID,
        "metrics.jsonl/logLoss",
    ),
    "text value": (
        _write("metrics.jsonl", (METRIC % '"0.5"').encode()),
        Reason.RESULT_INVALID,
        "metrics.jsonl:1",
    ),
    "garbage metrics": (_write("metrics.jsonl", os.urandom(3000)), Reason.RESULT_INVALID, "metrics.jsonl:1"),
    "1 MB line": (_write("metrics.jsonl", b"[" * 1_000_000), Reason.RESULT_INVALID, "metrics.jsonl:1"),
    "17 MB": (_write("metrics.jsonl", b"\n" * (17 << 20)), Reason.RESULT_INVALID, "metrics.jsonl"),
    "garbage signature": (_write("signature.json", b"\x00\x01"), Reason.RESULT_INVALID, "signature.json"),
    "1 MB signature": (
        _write("signature.json", b" " * 1_100_000),
        Reason.RESULT_INVALID,
        "signature.json",
    ),
    "garbage profile": (_write("profile.json", b"{}"), Reason.RESULT_INVALID, "profile.json.contract"),
    "NaN in profile": (
        _edit("profile.json", performance={"logLoss": float("nan")}),
        Reason.RESULT_INVALID,
        "profile.json",
    ),
    "rows do not add up": (
        _edit("profile.json", rows=421),
        Reason.RESULT_INVALID,
        "profile.json.features.carrier.counts",
    ),
    "profile of other rows": (
        _edit("profile.json", dataDigest="sha256:" + "0" * 64),
        Reason.RESULT_INVALID,
        "profile.json.dataDigest",
    ),
    "link to a secret": (
        _link("model/x", "/etc/hostname"),
        Reason.RESULT_INVALID,
        "model/x",
    ),
    "linked metrics": (_link("metrics.jsonl", "/etc/hostname"), Reason.RESULT_INVALID, "metrics.jsonl"),
    "linked model folder": (_linked_model, Reason.RESULT_MISSING, "model/"),
    "pipe": (_pipe("metrics.jsonl"), Reason.RESULT_INVALID, "metrics.jsonl"),
    "odd file name": (_write("model/a b\n", b"1"), Reason.RESULT_INVALID, "model/"),
    "card of no file": (
        _edit("model/model.json", file="other.joblib"),
        Reason.RESULT_INVALID,
        "model/model.json",
    ),
}


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_what_is_no_result_is_named_and_not_retried(
    pod: tuple[Path, PublishTrial], registry: LocalRegistry, delivery: str
) -> None:
    root, config = pod
    change, reason, field = DELIVERIES[delivery]
    change(root / "out")
    ended = run_here("publish", config, root)
    assert (ended.code, ended.failure.reason, ended.failure.field) == (42, reason, field), ended.log


def test_the_last_finite_value_of_a_metric_counts(pod: tuple[Path, PublishTrial]) -> None:
    root, config = pod
    text = METRIC % "0.9" + METRIC % "0.5" + METRIC % "NaN" + "\n"
    (root / "out/metrics.jsonl").write_text(text)
    message = run("publish", config, root).message
    assert isinstance(message, TrialResult) and message.metrics == {"logLoss": 0.5}


def test_many_metrics_fit_the_message_objective_first(pod: tuple[Path, PublishTrial]) -> None:
    root, config = pod
    with (root / "out/metrics.jsonl").open("a") as file:
        for number in range(300):
            name = f"aaa{number:03d}" + "x" * 56
            file.write(json.dumps({"metric": name, "value": 1 / 3}) + "\n")
    ended = run("publish", config, root)
    message = ended.message
    assert isinstance(message, TrialResult) and len(message.metrics) == 16 and "logLoss" in message.metrics
    assert len(ended.text) <= 2048


def test_an_outage_does_not_cost_the_training_run(
    pod: tuple[Path, PublishTrial], own_registry: LocalRegistry
) -> None:
    root, config = pod
    config = replace(config, registry=own_registry.access)
    own_registry.stop()
    process = start("publish", config, root)
    assert process.stderr is not None
    assert "RegistryUnavailable" in process.stderr.readline()
    own_registry.start()
    assert isinstance(finish(process, root).message, TrialResult)


def test_a_password_mended_in_time_is_used(pod: tuple[Path, PublishTrial], registry: LocalRegistry) -> None:
    root, config = pod
    wrong = registry.wrong_password()
    process = start("publish", replace(config, registry=wrong), root)
    assert process.stderr is not None
    assert "RegistryUnauthorized" in process.stderr.readline()
    shutil.copy(registry.credentials, wrong.credentials)
    assert isinstance(finish(process, root).message, TrialResult)


def test_a_password_that_stays_wrong_is_named(
    pod: tuple[Path, PublishTrial], registry: LocalRegistry
) -> None:
    root, config = pod
    ended = run("publish", replace(config, registry=registry.wrong_password(), deadline_seconds=2), root)
    assert (ended.code, ended.failure.reason) == (42, Reason.REGISTRY_UNAUTHORIZED)


def test_sigterm_leaves_a_message(pod: tuple[Path, PublishTrial], own_registry: LocalRegistry) -> None:
    root, config = pod
    own_registry.stop()
    process = start("publish", replace(config, registry=own_registry.access), root)
    assert process.stderr is not None
    process.stderr.readline()
    process.terminate()
    ended = finish(process, root)
    assert (ended.code, ended.failure.reason) == (1, Reason.INTERRUPTED), ended.log


def test_the_signature_is_the_contract_features(world: World) -> None:
    names = [tensor.name for tensor in signature_of(world.contract).inputs]
    assert names == ["carrier", "hour", "temp"]
