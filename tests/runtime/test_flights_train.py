"""The flights example as a trial: its sample's contract, its published data, its training program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import yaml
from tests.registry import LocalRegistry
from tests.runtime.commands import run
from tests.runtime.world import UID

from flights.data import Variant, splits
from flights.publish import publish
from flights.source import FEATURES, data_folder, read_flights
from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchTrial, PublishTrial
from trimtab_runtime.contract.data import DataEntry, parse_data_contract
from trimtab_runtime.contract.message import TrialResult
from trimtab_runtime.contract.profile import parse_profile
from trimtab_runtime.contract.trial import Objective, Trial

EXAMPLE = Path(__file__).parents[2] / "examples"
TRIAL = Trial("flights", "flights-winter", 1, 1, 7, Objective("logLoss", "minimize"))


def test_a_winter_trial_from_published_data_to_a_published_model(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    sample = yaml.safe_load((EXAMPLE / "flights/experiment-winter.yaml").read_text())
    contract = parse_data_contract(sample["spec"]["dataContract"])
    assert {column.name for column in contract.features} == set(FEATURES)
    made = splits(read_flights(data_folder()), "winter", Variant())
    digests = publish(registry.client, "winter", "current", made)
    entries = tuple(DataEntry(part, part, f"winter/{part}", digest) for part, digest in digests.items())
    parameters = {"iterations": "60", "leaves": "8", "rate": "0.1"}

    fetch = FetchTrial(registry.access, entries, contract, TRIAL, parameters, 60)
    fetched = run("fetch", fetch, tmp_path)
    assert fetched.code == 0, fetched.log
    _train(tmp_path)
    published = run("publish", _publication(fetch), tmp_path)
    assert published.code == 0, published.log

    assert isinstance(published.message, TrialResult)
    assert set(published.message.metrics) == {"logLoss", "brier", "auc"}
    assert published.message.metrics["logLoss"] < 0.52
    profile = parse_profile((tmp_path / "out" / paths.PROFILE_FILE).read_bytes())
    assert profile.rows == len(made["reference"])
    assert profile.performance["auc"] > 0.6
    _check_rows_of_a_client(tmp_path)


def _check_rows_of_a_client(root: Path) -> None:
    """Missing numbers and a carrier training never saw get a probability."""
    model = joblib.load(root / "out/model/model.joblib")
    row = np.array([[8, "??", "JFK", "nowhere", 500.0, *[None] * 8]], dtype=object)
    assert row.shape[1] == len(FEATURES)
    assert 0 < model.predict_proba(row)[0, 1] < 1


def _train(root: Path) -> None:
    environment = os.environ | {paths.ROOT_ENV: str(root), "PYTHONPATH": str(EXAMPLE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "flights.train"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def _publication(fetch: FetchTrial) -> PublishTrial:
    return PublishTrial(
        registry=fetch.registry,
        repository="winter/models",
        experiment_uid=UID,
        trial=fetch.trial,
        parameters=fetch.parameters,
        data=fetch.data,
        deadline_seconds=60,
        image="train@sha256:" + "1" * 64,
    )
