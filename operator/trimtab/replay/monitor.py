"""What windows are judged by: a DriftMonitor from a file, or the defaults for the columns that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic
import yaml

from trimtab.apis.v1alpha1.driftmonitor import DriftMonitor, DriftMonitorSpec, FeatureDriftSpec
from trimtab.driftmonitor.drift import DEFAULT_FDR
from trimtab.replay.errors import CannotReplay
from trimtab.replay.reference import Reference
from trimtab.stats.features import DriftLimits
from trimtab.stats.persistence import PersistenceRule

DEFAULT_PERFORMANCE = {
    "metrics": [{"metric": "logLoss", "maxIncrease": "0.05"}, {"metric": "auc", "maxDecrease": "0.05"}]
}


def monitor_of(path: Path | None, reference: Reference) -> DriftMonitorSpec:
    """Raises CannotReplay for a file that holds no DriftMonitor, or one that watches what is not there."""
    if path is None:
        return _default(reference)
    spec = _read(path)
    if spec.signals.prediction_drift is not None and reference.answers is None:
        raise CannotReplay(f"{path} watches predictionDrift: name the column of the scores with --score")
    if spec.signals.realised_performance is not None and not reference.has_labels:
        raise CannotReplay(f"{path} watches realisedPerformance: name the column of the labels with --label")
    return spec


def _default(reference: Reference) -> DriftMonitorSpec:
    signals: dict[str, Any] = {"featureDrift": {}, "dataQuality": {}}
    if reference.answers is not None:
        signals["predictionDrift"] = {}
    if reference.has_labels:
        signals["realisedPerformance"] = DEFAULT_PERFORMANCE
    return DriftMonitorSpec.model_validate({"deploymentRef": {"name": "replay"}, "signals": signals})


def _read(path: Path) -> DriftMonitorSpec:
    try:
        documents = [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CannotReplay(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    monitors = [one for one in documents if isinstance(one, dict) and one.get("kind") == "DriftMonitor"]
    if len(monitors) != 1:
        raise CannotReplay(f"{path} holds {len(monitors)} DriftMonitors: give a file with one")
    try:
        spec = DriftMonitor.model_validate(monitors[0]).spec
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise CannotReplay(f"{path}: {field}: {first['msg']}") from None
    _check(path, spec)
    return spec


def _check(path: Path, spec: DriftMonitorSpec) -> None:
    """What the API server refuses by rules that are not evaluated here, and no statistic is defined on."""
    drift = [one for one in (spec.signals.feature_drift, spec.signals.prediction_drift) if one is not None]
    try:
        for one in drift:
            fdr = float(one.fdr) if isinstance(one, FeatureDriftSpec) else DEFAULT_FDR
            floor, clear = float(one.floor), float(one.clear_floor)
            DriftLimits(fdr=fdr, floor=floor)
            PersistenceRule(spec.persistence.raise_, spec.persistence.of, floor, clear)
        PersistenceRule(spec.persistence.raise_, spec.persistence.of)
    except ValueError as error:
        raise CannotReplay(f"{path}: {error}; kubectl apply --dry-run=server names the field") from None
