"""What a window may say of a signal, and what a window that is not complete may not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from trimtab.apis.v1alpha1.driftmonitor_status import CheckStatus, FeatureStatus, PerformanceStatus
from trimtab.driftmonitor.windows import ClosedWindow, Completeness
from trimtab.model.numbers import shown
from trimtab.stats.persistence import Mark, PersistenceRule
from trimtab.stats.verdicts import DriftVerdict
from trimtab_runtime.contract.profile import Profile

SHOWN = 5


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
    complete. ``rules``: the levels of each subject.
    """

    signal: Signal
    verdict: DriftVerdict
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
    raise_windows: int
    of_windows: int

    def rule(self, raise_level: float, clear_level: float) -> PersistenceRule:
        return PersistenceRule(self.raise_windows, self.of_windows, raise_level, clear_level)


def silent(signal: Signal) -> SignalFinding:
    """A window without a row."""
    return SignalFinding(signal, DriftVerdict.NO_TRAFFIC, {}, {})


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


def seconds_to(needed: int | None, samples: int, window_seconds: float) -> int | None:
    """How long a window must be at this rate."""
    return math.ceil(needed * window_seconds / samples) if needed is not None and samples else None


def rounded(value: float) -> str:
    """Four significant digits: what is shown is for people, what is judged is exact."""
    return shown(float(f"{value:.4g}"))
