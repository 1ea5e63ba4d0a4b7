"""The Experiment of this project, addressed to a registry, an image and a set of published data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]
EXAMPLE = Path(__file__).parents[1] / "experiment-winter.yaml"


def experiment(
    name: str, *, registry: str, image: str, prefix: str = "flights", tag: str = "current", **spec: Any
) -> Object:
    """experiment-winter.yaml with the names of this cluster; `spec` replaces whole fields of the spec.

    registry: host and port as pods reach it. prefix, tag: what `flights.publish` was given.
    """
    document: Object = yaml.safe_load(EXAMPLE.read_text())
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
