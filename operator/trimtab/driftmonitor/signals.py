"""One closed window, judged signal by signal: verdict, numbers, and a mark per feature, check or metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from trimtab.apis.v1alpha1.driftmonitor import (
    DataQualitySpec,
    FeatureDriftSpec,
    PredictionDriftSpec,
    Signals,
)
from trimtab.apis.v1alpha1.driftmonitor_status import CheckStatus, FeatureStatus, PerformanceStatus
from trimtab.driftmonitor.windows import ClosedWindow, Completeness
from trimtab.model.numbers import shown
from trimtab.model.profile_tables import feature_tables, score_table
from trimtab.stats.features import (
    DriftLimits,
    FeatureDrift,
    FeatureTable,
    WindowDrift,
    judge_features,
)
from trimtab.stats.grouping import quantile_groups
from trimtab.stats.persistence import Mark, PersistenceRule, mark
from trimtab.stats.proportions import Occurrences
from trimtab.stats.quality import (
    QualityCheck,
    QualityFinding,
    QualityShare,
    judge_quality,
)
from trimtab.stats.verdicts import DriftVerdict
from trimtab_runtime.contract.profile import CategoricalFeature, Profile

SCORE = "score"
SHOWN = 5
DEFAULT_FDR = 0.01


class Signal(StrEnum):
    """What is watched, in the order of importance of a finding."""

    FEATURE_DRIFT = "FeatureDrift"
    PREDICTION_DRIFT = "PredictionDrift"
    DATA_QUALITY = "DataQuality"
    REALISED_PERFORMANCE = "RealisedPerformance"


@dataclass(frozen=True)
class SignalFinding:
    """What one window says about one signal.

    ``marks``: what it says about each subject; None = nothing, because the window is too small or not
    complete. ``rules``: the levels of each subject. ``samples``: rows, or labels.
    """

    signal: Signal
    verdict: DriftVerdict
    samples: int
    marks: Mapping[str, Mark | None]
    rules: Mapping[str, PersistenceRule]
    min_samples: int | None = None
    seconds_to_min_samples: int | None = None
    message: str = ""
    top: tuple[FeatureStatus, ...] = ()
    checks: tuple[CheckStatus, ...] = ()
    metrics: tuple[PerformanceStatus, ...] = ()


@dataclass(frozen=True)
class Judge:
    """What windows of one version are judged by. ``raise_windows`` of ``of_windows`` make an alarm."""

    profile: Profile
    signals: Signals
    raise_windows: int
    of_windows: int

    def rule(self, raise_level: float, clear_level: float) -> PersistenceRule:
        return PersistenceRule(self.raise_windows, self.of_windows, raise_level, clear_level)


def judge_inputs(judge: Judge, window: ClosedWindow) -> list[SignalFinding]:
    """The findings of all signals but the labels' one. Without any row nothing is computed."""
    signals, found = judge.signals, []
    if signals.feature_drift is not None:
        found.append(_feature_drift(judge, signals.feature_drift, window))
    if signals.prediction_drift is not None:
        found.append(_prediction_drift(judge, signals.prediction_drift, window))
    if signals.data_quality is not None:
        found.append(_data_quality(judge, signals.data_quality, window))
    return [held_back(finding, window) for finding in found]


def _feature_drift(judge: Judge, spec: FeatureDriftSpec, window: ClosedWindow) -> SignalFinding:
    tables = (
        [
            FeatureTable(table.name, table.reference, table.live)
            for table in feature_tables(judge.profile, window.counts)
        ]
        if window.rows
        else []
    )
    limits = DriftLimits(fdr=float(spec.fdr), floor=float(spec.floor))
    return _drift(
        judge, Signal.FEATURE_DRIFT, tables, limits, clear_floor=float(spec.clear_floor), window=window
    )


def _prediction_drift(judge: Judge, spec: PredictionDriftSpec, window: ClosedWindow) -> SignalFinding:
    tables = []
    if window.rows:
        scores = score_table(judge.profile, window.counts, SCORE)
        groups = quantile_groups(scores.reference)
        tables = [FeatureTable(SCORE, groups.merge(scores.reference), groups.merge(scores.live))]
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
        samples=window.rows,
        marks={feature.feature: _mark(feature, limits, rule) for feature in drift.features},
        rules={feature.feature: rule for feature in drift.features},
        min_samples=drift.min_samples,
        seconds_to_min_samples=_seconds(drift.min_samples, window.rows, window.seconds),
        message=_why_not(drift),
        top=tuple(_feature_status(f, limits.floor) for f in drift.top(SHOWN) if f.psi is not None),
    )


def _mark(feature: FeatureDrift, limits: DriftLimits, rule: PersistenceRule) -> Mark | None:
    """None where the rows prove nothing either way."""
    if feature.psi_adjusted is None or feature.verdict is DriftVerdict.INSUFFICIENT_DATA:
        return None
    significant = feature.p_adjusted is not None and feature.p_adjusted <= limits.fdr
    return mark(feature.psi_adjusted, significant=significant, rule=rule)


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


def _data_quality(judge: Judge, spec: DataQualitySpec, window: ClosedWindow) -> SignalFinding:
    if not window.rows:
        return silent(Signal.DATA_QUALITY)
    shares = list(_shares(judge.profile, spec, window))
    quality = judge_quality(shares)
    needed = [finding.min_samples for finding in quality.findings]
    known = [samples for samples in needed if samples is not None]
    min_samples = max(known) if len(known) == len(needed) else None
    bounds = {(s.feature, s.check): s.reference.share + s.max_increase for s in shares}
    ranked = sorted(quality.findings, key=lambda f: (f.reference_share - (f.share or 0.0), f.feature))
    rule = judge.rule(1.0, 1.0)
    return SignalFinding(
        signal=Signal.DATA_QUALITY,
        verdict=quality.verdict,
        samples=window.rows,
        marks={_check_name(finding): _quality_mark(finding) for finding in quality.findings},
        rules={_check_name(finding): rule for finding in quality.findings},
        min_samples=min_samples,
        seconds_to_min_samples=_seconds(min_samples, window.rows, window.seconds),
        message=_too_few(quality.verdict, window.rows, min_samples),
        checks=tuple(_check_status(f, bounds[f.feature, f.check]) for f in ranked[:SHOWN]),
    )


def _shares(profile: Profile, spec: DataQualitySpec, window: ClosedWindow) -> Iterable[QualityShare]:
    """A numeric feature has no unknown categories: only its missing values are checked."""
    for name, feature in profile.features.items():
        live = window.counts.feature(name)
        rows = sum((*live.buckets, live.below, live.above, live.missing, live.unseen))
        yield QualityShare(
            name,
            QualityCheck.MISSING,
            Occurrences(feature.missing, profile.rows),
            Occurrences(live.missing, rows),
            float(spec.max_missing_increase),
        )
        if isinstance(feature, CategoricalFeature):
            yield QualityShare(
                name,
                QualityCheck.UNSEEN,
                Occurrences(0, profile.rows),
                Occurrences(live.unseen, rows),
                float(spec.max_unseen),
            )


def _quality_mark(finding: QualityFinding) -> Mark | None:
    match finding.verdict:
        case DriftVerdict.DRIFTED:
            return Mark.ABOVE
        case DriftVerdict.HEALTHY:
            return Mark.CLEAR
        case _:
            return None


def _check_name(finding: QualityFinding) -> str:
    return f"{finding.feature}/{finding.check}"


def _check_status(finding: QualityFinding, bound: float) -> CheckStatus:
    return CheckStatus.model_validate(
        {
            "feature": finding.feature,
            "check": finding.check.value,
            "share": rounded(finding.share or 0.0),
            "reference": rounded(finding.reference_share),
            "bound": rounded(bound),
            "samples": finding.samples,
        }
    )


def _too_few(verdict: DriftVerdict, samples: int, needed: int | None) -> str:
    if verdict is not DriftVerdict.INSUFFICIENT_DATA:
        return ""
    return f"{samples} of {needed} rows that a window needs" if needed else "the reference has too few rows"


def silent(signal: Signal) -> SignalFinding:
    """A window without a row."""
    return SignalFinding(signal, DriftVerdict.NO_TRAFFIC, 0, {}, {})


def held_back(finding: SignalFinding, window: ClosedWindow) -> SignalFinding:
    """What a window that is not complete may say: that something is wrong, never that nothing is."""
    if window.completeness is Completeness.COMPLETE:
        return finding
    if window.completeness is Completeness.MIXED:
        return _unjudged(finding, "the window holds answers of two versions")
    findings = {name: m if m is Mark.ABOVE else None for name, m in finding.marks.items()}
    if finding.verdict is DriftVerdict.DRIFTED:
        return replace(finding, marks=findings)
    return replace(_unjudged(finding, f"the window is {window.completeness}"), marks=findings)


def _unjudged(finding: SignalFinding, message: str) -> SignalFinding:
    return replace(
        finding,
        verdict=DriftVerdict.INSUFFICIENT_DATA,
        marks=dict.fromkeys(finding.marks),
        message=message,
    )


def _seconds(needed: int | None, samples: int, window_seconds: float) -> int | None:
    """How long a window must be at this rate."""
    return math.ceil(needed * window_seconds / samples) if needed is not None and samples else None


def rounded(value: float) -> str:
    """Four significant digits: what is shown is for people, what is judged is exact."""
    return shown(float(f"{value:.4g}"))
