"""What this trial is told, and the metrics it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping

from trimtab_runtime.contract import paths
from trimtab_runtime.contract.data import DataContract, DataEntry, parse_data_contract, parse_entries
from trimtab_runtime.contract.errors import Reason
from trimtab_runtime.contract.metrics import METRIC_NAME
from trimtab_runtime.contract.strict import Fields, parse_json
from trimtab_runtime.contract.trial import Trial, parse_parameters, parse_trial_file
from trimtab_runtime.layout import Layout


def trial() -> Trial:
    """Model, trial number, seed and objective."""
    return parse_trial_file(_read(paths.TRIAL_FILE))


def params() -> Mapping[str, str]:
    """Parameters as written in the Experiment or suggested by its search; values are texts."""
    return parse_parameters(_read_json(paths.PARAMS_FILE))


def data_contract() -> DataContract:
    """The declared columns."""
    return parse_data_contract(_read_json(paths.SCHEMA_FILE))


def data_entries() -> tuple[DataEntry, ...]:
    """The pinned entries of train, validation and reference."""
    value = {"data": _read_json(paths.DATA_FILE)}
    fields = Fields(value, Reason.CONFIG_INVALID, paths.DATA_FILE)
    return parse_entries(list(fields.objects("data", max_items=64)), required=())


def log_metric(name: str, value: float, step: int = 0) -> None:
    """Append a metric; the last finite value of each name counts, and the objective must occur."""
    if not METRIC_NAME.match(name):
        raise ValueError(f"metric names must match {METRIC_NAME.pattern}")
    outputs = Layout.from_environment().outputs
    outputs.mkdir(parents=True, exist_ok=True)
    line = {"step": int(step), "metric": name, "value": float(value)}
    with (outputs / paths.METRICS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _read(name: str) -> bytes:
    return (Layout.from_environment().inputs / name).read_bytes()


def _read_json(name: str) -> object:
    return parse_json(_read(name), reason=Reason.CONFIG_INVALID, name=name)
