"""Feature and prediction drift of a window: how far from the reference, and is it enough to say so."""

from __future__ import annotations

from collections.abc import Sequence

from trimtab.apis.v1alpha1.driftmonitor import FeatureDriftSpec, PredictionDriftSpec
from trimtab.apis.v1alpha1.driftmonitor_status import FeatureStatus
from trimtab.driftmonitor.signals import SHOWN, Judge, Signal, SignalFinding, rounded, seconds_to, silent
from trimtab.driftmonitor.windows import ClosedWindow
from trimtab.model.numbers import shown
from trimtab.model.profile_tables import feature_tables, score_table
from trimtab.stats.features import (
    DriftLimits,
    FeatureDrift,
    FeatureTable,
    WindowDrift,
    judge_features,
    mark_of,
)
from trimtab.stats.grouping import quantile_groups
from trimtab.stats.verdicts import DriftVerdict

SCORE = "score"
DEFAULT_FDR = 0.01


def judge_feature_drift(judge: Judge, spec: FeatureDriftSpec, window: ClosedWindow) -> SignalFinding:
    tables = (
        [
            FeatureTable(table.name, table.reference, table.live, table.order)
            for table in feature_tables(judge.profile, window.counts)
        ]
        if window.rows
        else []
    )
    limits = DriftLimits(fdr=float(spec.fdr), floor=float(spec.floor))
    return _drift(
        judge, Signal.FEATURE_DRIFT, tables, limits, clear_floor=float(spec.clear_floor), window=window
    )


def judge_prediction_drift(judge: Judge, spec: PredictionDriftSpec, window: ClosedWindow) -> SignalFinding:
    tables = []
    if window.rows:
        scores = score_table(judge.profile, window.counts, SCORE)
        groups = quantile_groups(scores.reference)
        merged = groups.merge(scores.reference), groups.merge(scores.live)
        tables = [FeatureTable(SCORE, *merged, order=tuple(range(len(groups.starts))))]
    limits = DriftLimits(fdr=DEFAULT_FDR, floor=float(spec.floor))
    return _drift(
        judge, Signal.PREDICTION_DRIFT, tables, limits, clear_floor=float(spec.clear_floor), window=window
    )


def _drift(
    judge: Judge,
    signal: Signal,
    tables: Sequence[FeatureTable],
    limits: DriftLimits,
    *,
    clear_floor: float,
    window: ClosedWindow,
) -> SignalFinding:
    if not tables:
        return silent(signal)
    drift, rule = judge_features(tables, limits), judge.rule(limits.floor, clear_floor)
    return SignalFinding(
        signal=signal,
        verdict=drift.verdict,
        marks={feature.feature: mark_of(feature, limits, rule) for feature in drift.features},
        rules={feature.feature: rule for feature in drift.features},
        min_samples=drift.min_samples,
        seconds_to_min_samples=seconds_to(drift.min_samples, window.rows, window.seconds),
        message=_why_not(drift),
        top=tuple(_feature_status(f, limits.floor) for f in drift.top(SHOWN) if f.psi is not None),
    )


def _why_not(drift: WindowDrift) -> str:
    if drift.verdict is not DriftVerdict.INSUFFICIENT_DATA:
        return ""
    if drift.min_samples is None:
        return "the reference has too few rows to show this floor: raise floor, or give more reference rows"
    samples = min(feature.samples for feature in drift.features)
    if samples < drift.min_samples:
        return f"{samples} of {drift.min_samples} rows that a window needs"
    far = next(f for f in drift.top() if f.verdict is DriftVerdict.INSUFFICIENT_DATA)
    return f"{far.feature} is far away (psiAdjusted {far.psi_adjusted:.3f}), but it may be chance"


def _feature_status(feature: FeatureDrift, floor: float) -> FeatureStatus:
    return FeatureStatus(
        feature=feature.feature,
        psi=rounded(feature.psi or 0.0),
        psi_adjusted=rounded(feature.psi_adjusted or 0.0),
        p_adjusted=None if feature.p_adjusted is None else rounded(feature.p_adjusted),
        samples=feature.samples,
        floor=shown(floor),
    )
