"""What the matrices of a rollout share: version 1 is served, then version 2 is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.harness.api import DEPLOYMENT, WORKLOAD
from tests.harness.deployments import FAST, NAME, Deployments, body, digest_of, plant
from tests.harness.lab import Lab
from tests.harness.witness import Witness

from trimtab.apis.v1alpha1.deployment import Serving
from trimtab.deployment.revision import revision_of

CLIENTS_PER_SECOND = 200.0
SETTINGS = FAST
_SPEC = {"spec.serving.replicas": 2, "spec.model": {"name": "flights", "version": 1}}


def begin(lab: Lab, *steps: Mapping[str, Any], edits: Mapping[str, Any] | None = None) -> None:
    """Both versions are there; version 1 is pinned."""
    lab.player.serving.rate = CLIENTS_PER_SECOND
    for number in (1, 2):
        plant(lab.api, number)
    lab.api.create(DEPLOYMENT, body(*steps, edits={**_SPEC, **(edits or {})}))


def ask_for_the_second_version(lab: Lab, witness: Witness) -> None:
    """The user's only move, as soon as the first one serves."""
    if stable_version(witness) == "flights-v1" and witness.phase(DEPLOYMENT, NAME) == "Ready":
        Deployments(lab).patch(model={"version": 2})


def stable_version(witness: Witness) -> str:
    return str(witness.status(DEPLOYMENT, NAME).get("stable", {}).get("modelVersion", ""))


def revision(number: int) -> str:
    """Of the version with this number."""
    serving = body(edits=_SPEC)["spec"]["serving"]
    return revision_of(digest_of(number), Serving.model_validate(serving))


def pods_of(lab: Lab, number: int) -> int:
    """How many pods the version with this number is to have; 0 without a workload."""
    workload = lab.api.find(WORKLOAD, f"{NAME}-{revision(number)}")
    return int(workload["spec"]["replicas"]) if workload else 0


def is_gone(witness: Witness, number: int) -> bool:
    """The workload of the version with this number."""
    return not witness.exists(WORKLOAD, f"{NAME}-{revision(number)}")
