"""What a closed window means after the windows before it: persistence, raised signals, phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.apis.v1alpha1.driftmonitor import DriftMonitorSpec, Signals
from trimtab.apis.v1alpha1.driftmonitor_status import (
    DriftMonitorStatus,
    PersistenceStatus,
    SignalStatus,
    WindowStatus,
)
from trimtab.driftmonitor.drift import judge_feature_drift, judge_prediction_drift
from trimtab.driftmonitor.quality import judge_data_quality
from trimtab.driftmonitor.realised import judge_labels
from trimtab.driftmonitor.signals import Judge, Signal, SignalFinding, held_back
from trimtab.driftmonitor.windows import ClosedWindow, Completeness
from trimtab.stats.persistence import Mark, Persistence, advance
from trimtab_runtime.contract.profile import Profile

Subject = tuple[str, str]  # signal, feature or check or metric


@dataclass(frozen=True)
class Judgement:
    """A judged window. ``broken``: a data quality check failed in this window or in the one before."""

    phase: str
    window: WindowStatus
    signals: tuple[SignalStatus, ...]
    persistence: tuple[PersistenceStatus, ...]
    broken: bool

    @property
    def raised(self) -> tuple[str, ...]:
        """The raised signals, in the order of the list."""
        return raised_of(self.signals)


def raised_of(signals: Iterable[SignalStatus]) -> tuple[str, ...]:
    return tuple(signal.signal for signal in signals if signal.raised)


def summary(signals: Iterable[SignalStatus]) -> str:
    """The numbers of the raised signals in one line, worst first."""
    return "; ".join(f"{signal.signal}: {_numbers(signal)}" for signal in signals if signal.raised)


def _numbers(signal: SignalStatus) -> str:
    drifted = [
        f"{f.feature} psiAdjusted {f.psi_adjusted}"
        for f in signal.top
        if float(f.psi_adjusted) >= float(f.floor)
    ]
    checks = [
        f"{c.feature} {c.check} {c.share} (at most {c.bound})"
        for c in signal.checks
        if float(c.share) > float(c.bound)
    ]
    metrics = [f"{m.metric} {m.value} against {m.reference}, bound {m.bound}" for m in signal.metrics]
    return ", ".join((*drifted, *checks, *metrics)[:3]) or "as of earlier windows"


def judge(
    spec: DriftMonitorSpec, status: DriftMonitorStatus, profile: Profile, window: ClosedWindow
) -> Judgement | None:
    """The judgement of a window; None for one that says nothing at all: incomplete and without a row.

    Depends on the window, and on status only by the windows before it.
    """
    if not window.rows and not window.labelled and window.completeness is not Completeness.COMPLETE:
        return None
    rule = spec.persistence
    by = Judge(profile, rule.raise_, rule.of)
    before = status.window.rows if status.window else 0
    findings = [held_back(finding, window) for finding in _findings(by, spec.signals, window, before)]
    states = _persisted(status.persistence, findings)
    signals = tuple(_signal_status(finding, states, rule.of) for finding in findings)
    return Judgement(
        phase=_phase(signals, window),
        window=WindowStatus.model_validate(
            {
                "start": window.start,
                "end": window.end,
                "rows": window.rows,
                "labelled": window.labelled,
                "completeness": window.completeness.value,
            }
        ),
        signals=signals,
        persistence=tuple(_kept(states)),
        broken=_is_broken(signals) or _is_broken(status.signals),
    )


def _findings(by: Judge, signals: Signals, window: ClosedWindow, rows_before: int) -> Iterable[SignalFinding]:
    """Those of the signals that are on."""
    if signals.feature_drift is not None:
        yield judge_feature_drift(by, signals.feature_drift, window)
    if signals.prediction_drift is not None:
        yield judge_prediction_drift(by, signals.prediction_drift, window)
    if signals.data_quality is not None:
        yield judge_data_quality(by, signals.data_quality, window)
    if signals.realised_performance is not None:
        yield judge_labels(by, signals.realised_performance, window, rows_before)


def is_repeat(status: DriftMonitorStatus, judgement: Judgement) -> bool:
    """Whether a silent window only says what status says already: that is worth no write."""
    silent = judgement.phase == "NoTraffic" and not judgement.window.labelled
    return silent and status.phase == "NoTraffic" and judgement.raised == raised_of(status.signals)


def is_broken(status: DriftMonitorStatus) -> bool:
    """Whether a data quality check failed in the last judged window."""
    return _is_broken(status.signals)


def _is_broken(signals: Iterable[SignalStatus]) -> bool:
    return any(Signal(s.signal) is Signal.DATA_QUALITY and s.verdict == "Drifted" for s in signals)


def _persisted(
    stored: Sequence[PersistenceStatus], findings: Sequence[SignalFinding]
) -> dict[Subject, Persistence]:
    """The state of every subject of the signals that are on; a subject the version lacks is dropped."""
    before: dict[Subject, Persistence] = {
        (entry.signal, entry.subject): Persistence(entry.raised, tuple(Mark(mark) for mark in entry.marks))
        for entry in stored
    }
    after = {key: state for key, state in before.items() if key[0] in {f.signal for f in findings}}
    for finding in findings:
        for subject, mark in finding.marks.items():
            key = (finding.signal.value, subject)
            after[key] = advance(before.get(key, Persistence()), mark, finding.rules[subject])
    return after


def _kept(states: Mapping[Subject, Persistence]) -> Iterable[PersistenceStatus]:
    """Those with a finding to remember: any other is as good as new."""
    for (signal, subject), state in sorted(states.items()):
        if state.raised or state.findings:
            yield PersistenceStatus.model_validate(
                {
                    "signal": signal,
                    "subject": subject,
                    "raised": state.raised,
                    "marks": [mark.value for mark in state.marks],
                }
            )


def _signal_status(
    finding: SignalFinding, states: Mapping[Subject, Persistence], windows: int
) -> SignalStatus:
    mine = [state for (signal, _), state in states.items() if signal == finding.signal]
    findings = max((state.findings for state in mine), default=0)
    labels = finding.signal is Signal.REALISED_PERFORMANCE
    return SignalStatus.model_validate(
        {
            "signal": finding.signal.value,
            "verdict": finding.verdict.value,
            "raised": any(state.raised for state in mine),
            "of": f"{findings}/{windows}",
            "minSamples": finding.min_samples,
            "secondsToMinSamples": finding.seconds_to_min_samples,
            "assumes": None if labels else "IndependentRows",
            "message": finding.message,
            "top": finding.top,
            "checks": finding.checks,
            "metrics": finding.metrics,
        }
    )


def _phase(signals: Sequence[SignalStatus], window: ClosedWindow) -> str:
    """Silence is never health, and one window that is off is neither health nor an alarm."""
    if not window.rows and window.completeness is Completeness.COMPLETE:
        return "NoTraffic"
    if raised_of(signals):
        return "Drifted"
    healthy = all(signal.verdict == "Healthy" for signal in signals)
    return "Healthy" if healthy else "InsufficientData"
