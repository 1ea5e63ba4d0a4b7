"""Versions with a reference profile in the registry: a model of one feature, `temp`, in some unit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np
from tests.harness.population import Row
from tests.registry import LocalRegistry
from tests.runtime.world import TRIAL

from trimtab_runtime.contract.artifact import (
    MODEL_ARTIFACT,
    MODEL_LAYER,
    PROFILE_LAYER,
    RESULT_LAYER,
    SIGNATURE_LAYER,
)
from trimtab_runtime.contract.config import FetchModel
from trimtab_runtime.contract.profile import Profile, parse_profile
from trimtab_runtime.contract.result import SKLEARN, ModelCard, TrialRecord
from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.oci import Layer
from trimtab_runtime.profiling.features import profile_feature
from trimtab_runtime.profiling.scores import performance, score_reference

FEATURE = "temp"
FAHRENHEIT = tuple(20.0 + 0.07 * i for i in range(1000))
SCORES = tuple((i % 101) / 101 for i in range(1000))
_SIGNATURE = Signature((Tensor(FEATURE, "FP64"),), (Tensor("late", "FP64"),))


@dataclass
class FahrenheitClients:
    """Their rows walk through the range in an order of chance; no label comes back."""

    random: random.Random = field(default_factory=lambda: random.Random(7))

    def draw(self) -> Row:
        return Row(((self.random.choice(FAHRENHEIT),),), self.random.choice(SCORES), None)


def celsius(values: Sequence[float]) -> tuple[float, ...]:
    return tuple((value - 32) / 1.8 for value in values)


def push(registry: LocalRegistry, repository: str, temps: Sequence[float], bytes_of: str) -> tuple[str, str]:
    """An artifact whose reference rows have these values; returns the digests of manifest and profile."""
    profile = _profile(temps)
    card = ModelCard(format=SKLEARN, framework="scikit-learn==1.9.1", python="3.11", file="model.bin")
    record = TrialRecord(
        trial=TRIAL,
        experiment_uid="0f3a",
        parameters={},
        metrics={"logLoss": 0.5},
        data=(),
        signature_digest=_SIGNATURE.digest,
        files={"model.bin": "sha256:" + "a" * 64},
        size_bytes=1,
        profile_digest=profile.digest,
        card=card,
    )
    layers = [
        Layer(MODEL_LAYER, bytes_of.encode()),
        Layer(SIGNATURE_LAYER, _SIGNATURE.to_bytes()),
        Layer(PROFILE_LAYER, profile.to_bytes()),
        Layer(RESULT_LAYER, record.to_bytes()),
    ]
    return registry.client.push(repository, MODEL_ARTIFACT, layers), profile.digest


def pull(registry: LocalRegistry, fetch: FetchModel) -> Profile:
    """The profile that a serving pod finds beside its model."""
    repository = fetch.model.repository
    manifest = registry.client.manifest(repository, fetch.model.digest)
    return parse_profile(registry.client.small_blob(repository, manifest.layer(PROFILE_LAYER)))


def _profile(temps: Sequence[float]) -> Profile:
    labels = np.array([i % 2 for i in range(len(temps))], dtype=float)
    scores = np.array([score for score, _ in zip(cycle(SCORES), temps, strict=False)])
    return Profile(
        data_digest="sha256:" + "d" * 64,
        rows=len(temps),
        span=None,
        signature_digest=_SIGNATURE.digest,
        features={FEATURE: profile_feature(list(temps), is_number=True)},
        score=score_reference(labels, scores),
        performance=performance(labels, scores),
    )
