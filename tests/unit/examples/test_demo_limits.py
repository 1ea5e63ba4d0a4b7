"""The manifests of the demo: read by the API's models, and honest about every limit that they move."""

from __future__ import annotations

import pytest

from flights.demo import manifests, thresholds
from trimtab.apis.crd import KINDS

MODELS = {kind.name: kind.model for kind in KINDS}
NAMES = ("experiment-winter", "deployment", "driftmonitor")


@pytest.mark.parametrize("name", NAMES)
def test_the_api_reads_them(name: str) -> None:
    document = manifests.read(name)
    MODELS[document["kind"]].model_validate(document)


def test_limits_beside_their_defaults() -> None:
    document = manifests.read("deployment")
    document["spec"]["rollout"]["progressDeadline"] = "5m"
    found = {one.where: (one.value, one.default) for one in thresholds.changed([document])}
    assert found == {
        "Deployment rollout.steps[].analyze.minSamples": (600, 300),
        "Deployment rollout.analysis.metrics[].floor": ("0.1", "0.05"),
        "Deployment rollout.progressDeadline": ("5m", "10m"),
    }


def test_a_default_that_is_written_out_is_no_difference() -> None:
    document = manifests.read("experiment-winter")
    document["spec"]["budget"] = {"maxTrials": 1, "parallelTrials": 1}
    document["spec"]["trial"] = {**document["spec"]["trial"], "retries": 0, "deadline": "1h"}
    document["spec"]["evaluation"]["deadline"] = "30m"
    assert not [one for one in thresholds.changed([document]) if "deadline" not in one.where]


def test_what_several_objects_share_is_said_once() -> None:
    document = manifests.read("deployment")
    assert thresholds.changed([document, document]) == thresholds.changed([document])


def test_another_model() -> None:
    deployment = manifests.for_model(manifests.read("deployment"), "other")
    monitor = manifests.for_model(manifests.read("driftmonitor"), "other")
    assert deployment["metadata"]["name"] == monitor["metadata"]["name"] == "other"
    assert deployment["spec"]["model"] == {"name": "other", "follow": "Approved"}
    assert monitor["spec"]["deploymentRef"] == {"name": "other"}
