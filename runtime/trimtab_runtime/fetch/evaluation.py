"""`fetch evaluation`: rows for the models, labels for `publish`, and both models.

The models see features only. That neither was trained on these rows is checked here, from what their results
say they were trained on.
"""

from __future__ import annotations

import csv
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.config import FetchEvaluation
from trimtab_runtime.contract.data import LEARNT_SPLITS, DataContract, DataEntry
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.signature import signature_of
from trimtab_runtime.dataset.artifact import pull_csv
from trimtab_runtime.dataset.cells import LABELS
from trimtab_runtime.dataset.leaks import shared_rows
from trimtab_runtime.dataset.table import open_table
from trimtab_runtime.dataset.validation import Fingerprint, check_file, fingerprint_file, join
from trimtab_runtime.layout import Layout
from trimtab_runtime.model.folder import Model, pull_model
from trimtab_runtime.oci import Registry
from trimtab_runtime.patience import Patience

log = logging.getLogger(__name__)


def fetch_evaluation(config: FetchEvaluation, layout: Layout) -> None:
    """Fill the volumes of an evaluation Job; GateInvalid where the comparison would mean nothing."""
    registry, patience = Registry(config.registry), Patience.of(config.deadline_seconds)
    pins = {paths.CHALLENGER: config.challenger, paths.CHAMPION: config.champion}
    models = {
        side: pull_model(registry, pin, layout.side_model(side), patience)
        for side, pin in pins.items()
        if pin
    }
    with tempfile.TemporaryDirectory() as folder:
        files = pull_csv(registry, config.data, Path(folder), patience)
        evaluation = join([check_file(file, file.name, config.data_contract) for file in files])
        overlap = _OverlapCheck(config, evaluation, registry, patience)
        for side, model in models.items():
            _check_signature(side, model, config.data_contract)
            overlap.check(side, model)
        _write_rows(files, config.data_contract, layout)
    log.info("%d rows of %s", evaluation.rows, config.data.digest)


def _check_signature(side: str, model: Model, contract: DataContract) -> None:
    """Every input must be a feature of the rows, of the same type, and null only where the model allows."""
    offered = {tensor.name: tensor for tensor in signature_of(contract).inputs}
    for tensor in model.signature.inputs:
        feature = offered.get(tensor.name)
        if feature is None:
            raise _gate_invalid(side, f"takes the input {tensor.name}, which the evaluation rows do not have")
        if feature.datatype != tensor.datatype or (feature.nullable and not tensor.nullable):
            raise _gate_invalid(side, f"takes the input {tensor.name} in another type than the rows have it")


@dataclass(frozen=True)
class _OverlapCheck:
    """The evaluation rows, to be compared with what each model learnt from."""

    config: FetchEvaluation
    evaluation: Fingerprint
    registry: Registry
    patience: Patience

    def check(self, side: str, model: Model) -> None:
        """Compare digests, then rows and groups; what cannot be read counts as overlap."""
        learnt = [entry for entry in model.record.data if entry.split in LEARNT_SPLITS]
        if not learnt:
            raise _gate_invalid(side, "does not say which data it was trained on, which counts as overlap")
        for entry in learnt:
            if entry.digest == self.config.data.digest:
                raise _gate_invalid(side, f"was trained on the evaluation data (split {entry.split})")
        for entry in learnt:
            for found in self._read(side, entry):
                self._compare(side, entry, found)

    def _read(self, side: str, entry: DataEntry) -> list[Fingerprint | None]:
        with tempfile.TemporaryDirectory() as folder:
            try:
                files = pull_csv(self.registry, entry, Path(folder), self.patience)
                return [fingerprint_file(file, file.name, self.config.data_contract) for file in files]
            except ContractError as error:
                if error.reason is not Reason.DATA_INVALID:
                    raise
                message = f"its data of split {entry.split} cannot be read any more, which counts as overlap"
                raise _gate_invalid(side, message) from error

    def _compare(self, side: str, entry: DataEntry, learnt: Fingerprint | None) -> None:
        if learnt is None:
            message = f"its data of split {entry.split} has other columns and no common groupColumn"
            raise _gate_invalid(side, message + ": overlap cannot be excluded")
        rows, groups = shared_rows(learnt, self.evaluation), len(learnt.groups & self.evaluation.groups)
        if rows or groups:
            message = f"{rows} rows and {groups} groups of the evaluation are in its data of split"
            raise _gate_invalid(side, f"{message} {entry.split}")


def _write_rows(files: Sequence[Path], contract: DataContract, layout: Layout) -> None:
    """rows.csv and labels.csv, joined by a row number that says nothing about time or order in the source."""
    features = [column.name for column in contract.features]
    layout.inputs.mkdir(parents=True, exist_ok=True)
    layout.labels.parent.mkdir(parents=True, exist_ok=True)
    with (
        (layout.inputs / paths.ROWS_FILE).open("w", encoding="utf-8", newline="") as rows_file,
        layout.labels.open("w", encoding="utf-8", newline="") as labels_file,
    ):
        rows, labels = csv.writer(rows_file), csv.writer(labels_file)
        rows.writerow([paths.ROW_COLUMN, *features])
        group = [paths.GROUP_COLUMN] if contract.group_column else []
        labels.writerow([paths.ROW_COLUMN, paths.LABEL_COLUMN, *group])
        number = 0
        for file in files:
            with open_table(file, file.name) as table:
                for chunk in table.chunks():
                    numbers = range(number, number + chunk.rows)
                    number += chunk.rows
                    rows.writerows(zip(numbers, *(chunk.columns[name] for name in features), strict=True))
                    marks = [int(LABELS[cell]) for cell in chunk.columns[contract.label]]
                    groups = [chunk.columns[contract.group_column]] if group else []
                    labels.writerows(zip(numbers, marks, *groups, strict=True))


def _gate_invalid(side: str, message: str) -> ContractError:
    return ContractError(Reason.GATE_INVALID, side, message)
