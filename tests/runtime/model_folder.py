"""/trimtab/model as `fetch model` leaves it, made without a registry, and the server that serves it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from tests.cluster.ports import free_port

from trimtab_runtime.contract import artifact, paths
from trimtab_runtime.contract.config import ServeModel, format_config
from trimtab_runtime.contract.data import TRIAL_SPLITS, DataContract, DataEntry
from trimtab_runtime.contract.page import PageReader, ServerPage
from trimtab_runtime.contract.profile import Profile, parse_profile
from trimtab_runtime.contract.result import TrialRecord, parse_card
from trimtab_runtime.contract.signature import parse_signature
from trimtab_runtime.contract.strict import canonical, sha256_digest
from trimtab_runtime.contract.trial import Objective, Trial
from trimtab_runtime.oci.manifest import Descriptor, build_manifest

START_SECONDS = 120
JSON_LAYERS = {
    paths.SIGNATURE_FILE: artifact.SIGNATURE_LAYER,
    paths.PROFILE_FILE: artifact.PROFILE_LAYER,
    paths.RESULT_FILE: artifact.RESULT_LAYER,
}


def write_inputs(
    root: Path, contract: DataContract, splits: Mapping[str, Path], parameters: Mapping[str, str]
) -> None:
    """/trimtab/in as `fetch trial` leaves it, from one CSV file per split."""
    inputs = root / "in"
    entries = []
    for split in TRIAL_SPLITS:
        folder = inputs / paths.DATA_FOLDER / split
        folder.mkdir(parents=True)
        shutil.copyfile(splits[split], folder / f"{split}.csv")
        entries.append(DataEntry(split, split, f"local/{split}", sha256_digest(splits[split].read_bytes())))
    trial = Trial("flights", "flights-w", 1, 1, 7, Objective("logLoss", "minimize"))
    for name, value in (
        (paths.TRIAL_FILE, trial.to_json()),
        (paths.PARAMS_FILE, dict(parameters)),
        (paths.SCHEMA_FILE, contract.to_json()),
        (paths.DATA_FILE, [entry.to_json() for entry in entries]),
    ):
        (inputs / name).write_bytes(canonical(value))


def assemble(root: Path, name: str = "flights", *, with_profile: bool = True) -> ServeModel:
    """/trimtab/model from /trimtab/out; returns the server's configuration, with a free port."""
    out, model = root / "out", root / "model"
    shutil.rmtree(model, ignore_errors=True)
    shutil.copytree(out / paths.MODEL_FOLDER, model / paths.MODEL_FOLDER)
    contents = {paths.SIGNATURE_FILE: (out / paths.SIGNATURE_FILE).read_bytes()}
    if with_profile:
        contents[paths.PROFILE_FILE] = (out / paths.PROFILE_FILE).read_bytes()
    contents[paths.RESULT_FILE] = _record(out, model, contents).to_bytes()
    manifest = build_manifest(
        artifact.MODEL_ARTIFACT,
        [
            Descriptor(artifact.MODEL_LAYER, "sha256:" + "0" * 64, 1),
            *(Descriptor(JSON_LAYERS[key], sha256_digest(data), len(data)) for key, data in contents.items()),
        ],
    )
    for file, data in (contents | {paths.MANIFEST_FILE: manifest}).items():
        (model / file).write_bytes(data)
    profile_digest = sha256_digest(contents[paths.PROFILE_FILE]) if with_profile else ""
    return ServeModel(name, sha256_digest(manifest), profile_digest, port=free_port())


def _record(out: Path, model: Path, contents: Mapping[str, bytes]) -> TrialRecord:
    folder = model / paths.MODEL_FOLDER
    files = {file.name: sha256_digest(file.read_bytes()) for file in folder.iterdir()}
    profile = contents.get(paths.PROFILE_FILE)
    return TrialRecord(
        trial=Trial("flights", "flights-w", 1, 1, 7, Objective("logLoss", "minimize")),
        experiment_uid="0b9f3c1e-1111-2222-3333-444455556666",
        parameters={},
        metrics={"logLoss": 0.5},
        data=(),
        signature_digest=parse_signature(contents[paths.SIGNATURE_FILE]).digest,
        files=files,
        size_bytes=sum(file.stat().st_size for file in folder.iterdir()),
        profile_digest=parse_profile(profile).digest if profile else "",
        card=parse_card((folder / paths.CARD_FILE).read_bytes()),
    )


@dataclass
class RunningServer:
    """A server process on loopback."""

    process: subprocess.Popen[bytes]
    config: ServeModel
    root: Path
    started: float

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.config.port}"

    @property
    def infer_url(self) -> str:
        return f"{self.url}/v2/models/{self.config.model}/infer"

    @property
    def log(self) -> str:
        return (self.root / "server.log").read_text()

    @property
    def profile(self) -> Profile | None:
        path = self.root / "model" / paths.PROFILE_FILE
        return parse_profile(path.read_bytes()) if path.exists() else None

    def page(self) -> ServerPage:
        """A scrape, read as the operator reads it."""
        reader = PageReader(self.config.digest, self.config.profile_digest, self.profile)
        return reader.read(requests.get(f"{self.url}/metrics", timeout=5).content)

    def infer(self, inputs: Mapping[str, tuple[str, list[Any]]], **more: Any) -> requests.Response:
        """One request on a connection of its own: name -> (datatype, data)."""
        tensors = [
            {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}
            for name, (datatype, data) in inputs.items()
        ]
        return requests.post(self.infer_url, json={"inputs": tensors} | more, timeout=10)

    def wait_ready(self) -> float:
        """Wait for /v2/health/ready; returns the seconds since the start of the process."""
        while time.monotonic() < self.started + START_SECONDS:
            assert self.process.poll() is None, self.log
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{self.url}/v2/health/ready", timeout=5).ok:
                    return time.monotonic() - self.started
            time.sleep(0.02)
        raise TimeoutError(self.log)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def start_server(root: Path, config: ServeModel, *, text: str = "") -> RunningServer:
    """Start a server process on a pod's folder; the caller ends it. `text` is another TRIMTAB_CONFIG."""
    environment = os.environ | {
        paths.CONFIG_ENV: text or format_config(config),
        paths.ROOT_ENV: str(root),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "trimtab_runtime", "serve"]
    termination = root / "termination"
    termination.unlink(missing_ok=True)
    with (root / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--termination-log", str(termination)], env=environment, stderr=log, stdout=log
        )
    return RunningServer(process, config, root, time.monotonic())


@contextlib.contextmanager
def running_server(root: Path, config: ServeModel) -> Iterator[RunningServer]:
    """A server that is ready; it is ended with SIGTERM."""
    server = start_server(root, config)
    try:
        server.wait_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
