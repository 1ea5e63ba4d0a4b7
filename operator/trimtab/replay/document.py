"""A replay as one JSON document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trimtab.apis.v1alpha1.driftmonitor_status import DecisionStatus
from trimtab.model.clock import format_time
from trimtab.replay.run import Replay, Result, Statistics
from trimtab.replay.statistics import Statistic
from trimtab.stats.estimated import EstimatedMetric
from trimtab.stats.features import FeatureDrift

VERSION = 1


def document(replay: Replay) -> dict[str, Any]:
    """JSON-ready: finite numbers and null. `version` rises when the meaning of a field changes."""
    score = replay.reference.profile.score
    return {
        "version": VERSION,
        "reference": {
            "file": str(replay.asked.reference),
            "rows": replay.reference.profile.rows,
            "threshold": score.threshold if replay.reference.answers is not None else None,
            "performance": dict(replay.reference.profile.performance),
        },
        "current": {"file": str(replay.asked.current)},
        "assumes": "IndependentRows",
        "skipped": list(replay.skipped),
        "monitor": replay.spec.model_dump(mode="json", by_alias=True, exclude_none=True),
        "estimateOff": replay.estimator.off or None,
        "windows": [_window(number, result) for number, result in enumerate(replay.results)],
    }


def _window(number: int, result: Result) -> dict[str, Any]:
    judged, timed = result.judged, result.judged.chunk.timed
    return {
        "number": number,
        "start": format_time(judged.chunk.start) if timed else None,
        "end": format_time(judged.chunk.end) if timed else None,
        "rows": judged.window.rows,
        "labelled": result.performance.labelled,
        "phase": judged.judgement.phase,
        "signals": [
            signal.model_dump(mode="json", by_alias=True, exclude_none=True)
            for signal in judged.judgement.signals
        ],
        "features": [_feature(feature, result) for feature in judged.features],
        "estimated": {name: _estimated(metric) for name, metric in result.performance.estimated.items()},
        "estimatedExact": dict(result.performance.exact_estimated),
        "realised": dict(result.performance.realised),
        "decision": _decision(judged.decision),
    }


def _feature(feature: FeatureDrift, result: Result) -> dict[str, Any]:
    return {
        "feature": feature.feature,
        "verdict": feature.verdict.value,
        "samples": feature.samples,
        "minSamples": feature.min_samples,
        "pAdjusted": feature.p_adjusted,
        "statistics": _statistics(result.statistics, feature.feature),
        "exact": _statistics(result.exact, feature.feature),
    }


def _statistics(of: Statistics, feature: str) -> dict[str, Any]:
    found: Mapping[str, Statistic] = of.get(feature, {})
    return {
        name: {key: value for key, value in asdict(statistic).items() if value not in (None, "")}
        for name, statistic in found.items()
        if math.isfinite(statistic.value)
    }


def _estimated(metric: EstimatedMetric) -> dict[str, float | None]:
    return {
        "value": metric.value,
        "samplingError": metric.sampling_error,
        "calibrationError": metric.calibration_error,
        "standardError": metric.standard_error,
    }


def _decision(decision: DecisionStatus | None) -> dict[str, Any] | None:
    if decision is None:
        return None
    return {
        "id": decision.id,
        "action": decision.action,
        "state": decision.state,
        "reason": decision.reason,
        "message": decision.evidence.message,
    }
