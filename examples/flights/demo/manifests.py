"""The manifests of this project, addressed to a registry, an image and a set of published data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
FOLDER = Path(__file__).parents[1]
# In the place of the sample's search: the one model that docs/flights.md was measured with.
DOCUMENTED: Mapping[str, Any] = {
    "search": None,
    "budget": {"maxTrials": 1},
    "parameters": {"iterations": "60", "leaves": "8", "rate": "0.1"},
}


def read(name: str) -> Object:
    """One of examples/flights/*.yaml."""
    document: Object = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return document


def experiment(
    name: str, *, registry: str, image: str, prefix: str = "flights", tag: str = "current", **spec: Any
) -> Object:
    """experiment-winter.yaml with the names of this cluster; `spec` replaces whole fields of the spec.

    registry: host and port as pods reach it. prefix, tag: what `flights.publish` was given.
    """
    document = read("experiment-winter")
    document["metadata"]["name"] = name
    document["spec"]["trial"]["image"] = image
    for entry in document["spec"]["data"]:
        entry["uri"] = f"oci://{registry}/{prefix}/{entry['split']}:{tag}"
    document["spec"] |= spec
    return {**document, "spec": {key: value for key, value in document["spec"].items() if value is not None}}


def trial_with(document: Mapping[str, Any], **fields: Any) -> Object:
    """The Experiment with fields of its trial replaced."""
    spec = document["spec"]
    return {**document, "spec": {**spec, "trial": {**spec["trial"], **fields}}}


def for_model(document: Mapping[str, Any], model: str) -> Object:
    """deployment.yaml or driftmonitor.yaml for another model, whose name the object gets."""
    spec = dict(document["spec"])
    if "model" in spec:
        spec["model"] = {**spec["model"], "name": model}
    if "deploymentRef" in spec:
        spec["deploymentRef"] = {"name": model}
    return {**document, "metadata": {**document["metadata"], "name": model}, "spec": spec}
