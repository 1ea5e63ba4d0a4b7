"""Data artifacts: one CSV file per layer, pushed and pulled by digest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trimtab_runtime.contract.artifact import DATA_ARTIFACT, DATA_LAYER
from trimtab_runtime.contract.data import DataEntry
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.oci import Layer, Manifest, NotFound, Registry
from trimtab_runtime.patience import Patience


def push_csv(registry: Registry, repository: str, files: Sequence[Path], *, tag: str = "") -> str:
    """Publish CSV files as one data artifact; returns its digest. Equal files give an equal digest."""
    layers = [Layer(DATA_LAYER, path, title=path.name) for path in files]
    return registry.push(repository, DATA_ARTIFACT, layers, tag=tag)


def pull_csv(registry: Registry, entry: DataEntry, folder: Path, patience: Patience) -> tuple[Path, ...]:
    """Pull the files of an entry into `folder` as <entry>.csv, or <entry>-<n>.csv if there are several.

    What the registry lacks, or what is no data artifact, is DataInvalid.
    """
    try:
        manifest = patience.call(lambda: registry.manifest(entry.repository, entry.digest))
        return _pull_layers(registry, entry, manifest, folder, patience)
    except NotFound as error:
        message = f"the registry does not have {entry.digest} (split {entry.split})"
        raise ContractError(Reason.DATA_INVALID, entry.name, message) from error


def _pull_layers(
    registry: Registry, entry: DataEntry, manifest: Manifest, folder: Path, patience: Patience
) -> tuple[Path, ...]:
    layers = manifest.layers
    if not layers or any(layer.media_type != DATA_LAYER for layer in layers):
        raise ContractError(
            Reason.DATA_INVALID, entry.name, f"is no data artifact: every layer must be one {DATA_LAYER} file"
        )
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        folder / (f"{entry.name}.csv" if len(layers) == 1 else f"{entry.name}-{number}.csv")
        for number in range(len(layers))
    ]
    for layer, path in zip(layers, paths, strict=True):
        patience.call(lambda layer=layer, path=path: registry.download(entry.repository, layer, path))  # type: ignore[misc]
    return tuple(paths)
