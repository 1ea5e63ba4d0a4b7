"""Data quality of a window: values that are missing, and categories that the reference does not know."""

from __future__ import annotations

from collections.abc import Iterable

from trimtab.apis.v1alpha1.driftmonitor import DataQualitySpec
from trimtab.apis.v1alpha1.driftmonitor_status import CheckStatus
from trimtab.driftmonitor.signals import SHOWN, Judge, Signal, SignalFinding, rounded, seconds_to, silent
from trimtab.driftmonitor.windows import ClosedWindow
from trimtab.stats.persistence import Mark
from trimtab.stats.proportions import Occurrences
from trimtab.stats.quality import (
    QualityCheck,
    QualityFinding,
    QualityShare,
    judge_quality,
)
from trimtab.stats.verdicts import DriftVerdict
from trimtab_runtime.contract.profile import CategoricalFeature, Profile


def judge_data_quality(judge: Judge, spec: DataQualitySpec, window: ClosedWindow) -> SignalFinding:
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
        marks={_check_name(finding): _quality_mark(finding) for finding in quality.findings},
        rules={_check_name(finding): rule for finding in quality.findings},
        min_samples=min_samples,
        seconds_to_min_samples=seconds_to(min_samples, window.rows, window.seconds),
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
    """None without a row. Too few rows clear nothing, but they were looked at (see `mark_of`)."""
    match finding.verdict:
        case DriftVerdict.DRIFTED:
            return Mark.ABOVE
        case DriftVerdict.HEALTHY:
            return Mark.CLEAR
        case DriftVerdict.INSUFFICIENT_DATA:
            return Mark.BETWEEN
        case DriftVerdict.NO_TRAFFIC:
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
