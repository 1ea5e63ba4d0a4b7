"""`fetch trial`: all splits are pulled and checked, those that training may see are left for it."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchTrial
from trimtab_runtime.contract.data import TRIAL_SPLITS, DataEntry
from trimtab_runtime.contract.strict import canonical
from trimtab_runtime.dataset.artifact import pull_csv
from trimtab_runtime.dataset.leaks import check_splits
from trimtab_runtime.dataset.validation import Fingerprint, check_file, join
from trimtab_runtime.layout import Layout
from trimtab_runtime.oci import Registry
from trimtab_runtime.patience import Patience

log = logging.getLogger(__name__)


def fetch_trial(config: FetchTrial, layout: Layout) -> None:
    """Fill /trimtab/in for `train`. Evaluation rows only pass through a temporary folder of this container.

    trial.json is written first: its time is the start of the pod, from which `publish` counts the deadline.
    """
    layout.inputs.mkdir(parents=True, exist_ok=True)
    _write(layout.inputs / paths.TRIAL_FILE, config.trial.to_json())
    _write(layout.inputs / paths.PARAMS_FILE, dict(config.parameters))
    _write(layout.inputs / paths.SCHEMA_FILE, config.data_contract.to_json())
    visible = [entry.to_json() for entry in config.data if entry.split in TRIAL_SPLITS]
    _write(layout.inputs / paths.DATA_FILE, visible)
    with tempfile.TemporaryDirectory() as hidden:
        check_splits(_fetch_splits(config, layout, Path(hidden)), config.data_contract)
    _seal(layout.inputs / paths.DATA_FOLDER)


def _fetch_splits(config: FetchTrial, layout: Layout, hidden: Path) -> dict[str, Fingerprint]:
    patience, registry = Patience.of(config.deadline_seconds), Registry(config.registry)
    splits: dict[str, Fingerprint] = {}
    for entry in config.data:
        seen = entry.split in TRIAL_SPLITS
        folder = layout.inputs / paths.DATA_FOLDER / entry.split if seen else hidden
        files = pull_csv(registry, entry, folder, patience)
        found = _check_entry(config, entry, files)
        splits[entry.split] = join([splits[entry.split], found]) if entry.split in splits else found
        if not seen:
            for file in files:
                file.unlink()
    return splits


def _check_entry(config: FetchTrial, entry: DataEntry, files: tuple[Path, ...]) -> Fingerprint:
    found = join([check_file(file, file.name, config.data_contract) for file in files])
    log.info("%s: %d rows, split %s, %s", entry.name, found.rows, entry.split, entry.digest)
    return found


def _write(path: Path, value: object) -> None:
    path.unlink(missing_ok=True)  # the kubelet may run init containers twice
    path.write_bytes(canonical(value))
    path.chmod(0o444)


def _seal(folder: Path) -> None:
    """Read-only also by mode; what counts is that the operator mounts the volume read-only in `train`."""
    for file in folder.rglob("*.csv"):
        file.chmod(0o444)
