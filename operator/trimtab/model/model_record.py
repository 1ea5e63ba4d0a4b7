"""The ConfigMap of a model: version numbers and retrainings, which outlive whoever asks for them."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab.model import names
from trimtab.model.kinds import CONFIG_MAP
from trimtab.model.plan import Create


def new_record(namespace: str, model: str, data: Mapping[str, str]) -> Create:
    """Made by whoever needs it first; the others find it, and the next pass reads it."""
    body = {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.name,
        "metadata": {
            "name": names.model_config_map(model),
            "namespace": namespace,
            "labels": {names.LABEL_MANAGED_BY: names.MANAGED_BY, names.LABEL_MODEL: model},
        },
        "data": dict(data),
    }
    return Create(CONFIG_MAP, body, (("metadata", "labels", names.LABEL_MODEL), model))
