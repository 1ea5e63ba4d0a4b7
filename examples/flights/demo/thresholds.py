"""Every limit of the applied manifests that differs from the default of its CRD, beside that default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from trimtab.apis.crd import KINDS
from trimtab.deployment.analysis import DEFAULT_FLOOR

# The parts of a spec that are limits; the others say what is learnt, served and watched.
LIMITS = {
    "Experiment": ("budget", "evaluation", "trial"),
    "Deployment": ("rollout",),
    "DriftMonitor": ("window", "persistence", "signals", "mode", "limits"),
}
NO_LIMITS = {"env", "resources"}
# Without a default of its own, because it belongs to some presets only; what leaving it out means.
MEANT = {"Deployment rollout.analysis.metrics[].floor": DEFAULT_FLOOR}


@dataclass(frozen=True)
class Threshold:
    """One limit: its path in the spec, the applied value, the default of the CRD."""

    where: str
    value: Any
    default: Any

    def __str__(self) -> str:
        return f"{self.where}: {self.value} (default {self.default})"


def changed(documents: Iterable[Mapping[str, Any]]) -> list[Threshold]:
    """The limits of the applied objects that are not the defaults, each path and value once."""
    found = (one for document in documents for one in _changed(document))
    return list(dict.fromkeys(found))


def _changed(document: Mapping[str, Any]) -> Iterator[Threshold]:
    kind = next(known for known in KINDS if known.name == document["kind"])
    spec = kind.model.model_validate(document).spec  # type: ignore[attr-defined]
    for section in LIMITS[kind.name]:
        yield from _member(spec, section, f"{kind.name} ")


def _member(owner: BaseModel, name: str, prefix: str) -> Iterator[Threshold]:
    """One field, and what is below it: only what the document says, not what it leaves to defaults."""
    if name not in owner.model_fields_set or name in NO_LIMITS:
        return
    field, value = type(owner).model_fields[name], getattr(owner, name)
    path = f"{prefix}{field.alias or name}"
    match value:
        case BaseModel():
            yield from _members(value, f"{path}.")
        case tuple():
            for one in value:
                yield from _members(one, f"{path}[].") if isinstance(one, BaseModel) else ()
        case _:
            default = MEANT.get(path, field.get_default())
            if default not in (None, PydanticUndefined) and value != default:
                yield Threshold(path, value, default)


def _members(owner: BaseModel, prefix: str) -> Iterator[Threshold]:
    for name in type(owner).model_fields:
        yield from _member(owner, name, prefix)
