"""The model that a played trial publishes: small and canned, but checked and pushed by the real `publish`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.registry import LocalRegistry

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchTrial, PublishTrial, RegistryAccess
from trimtab_runtime.contract.message import TrialResult
from trimtab_runtime.contract.profile import Profile
from trimtab_runtime.contract.result import SKLEARN, ModelCard
from trimtab_runtime.contract.signature import signature_of
from trimtab_runtime.layout import Layout
from trimtab_runtime.publish.trial import publish_trial

MODEL_FILE = "model.bin"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def publish(
    fetch: FetchTrial,
    config: PublishTrial,
    registry: LocalRegistry,
    metrics: Mapping[str, float],
    profile: Profile | None = None,
) -> TrialResult:
    """Everything that happens in a trial pod after `fetch`; returns publish's message.

    The Secret of the push credentials is "mounted" by naming the file on this machine.
    """
    reachable = replace(config, registry=with_credentials(config.registry, registry))
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        _write_inputs(layout.inputs, config)
        _write_output(layout.outputs, fetch, config, metrics)
        if profile is not None:
            (layout.outputs / paths.PROFILE_FILE).write_bytes(profile.to_bytes())
        return publish_trial(reachable, layout)


def with_credentials(access: RegistryAccess, registry: LocalRegistry) -> RegistryAccess:
    """As in the pod, but with the credentials' path on this machine; without a mounted Secret none."""
    return replace(access, credentials=str(registry.credentials) if access.credentials else "")


def _write_inputs(folder: Path, config: PublishTrial) -> None:
    folder.mkdir(parents=True)
    (folder / paths.TRIAL_FILE).write_text(json.dumps(config.trial.to_json()))


def _write_output(
    folder: Path, fetch: FetchTrial, config: PublishTrial, metrics: Mapping[str, float]
) -> None:
    model = folder / paths.MODEL_FOLDER
    model.mkdir(parents=True)
    # Of the parameters, not of the Experiment: equal training gives an equal model.
    (model / MODEL_FILE).write_text(json.dumps(dict(sorted(config.parameters.items()))))
    card = ModelCard(format=SKLEARN, framework="scikit-learn==1.9.1", python=PYTHON, file=MODEL_FILE)
    (model / paths.CARD_FILE).write_bytes(card.to_bytes())
    (folder / paths.SIGNATURE_FILE).write_bytes(signature_of(fetch.data_contract).to_bytes())
    lines = [{"step": 0, "metric": name, "value": value} for name, value in metrics.items()]
    (folder / paths.METRICS_FILE).write_text("".join(json.dumps(line) + os.linesep for line in lines))
