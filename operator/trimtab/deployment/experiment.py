"""The experiment step: both sides for a fixed time, one look at one metric at its end.

Only labels that arrive in the step count. What was known when it began is latched in the evidence, and so
outlives the process; the result is latched by status.
"""

from __future__ import annotations

from dataclasses import replace

from trimtab.apis.v1alpha1.deployment_status import ArmStatus, ExperimentStatus
from trimtab.apis.v1alpha1.rollout import Experiment, LabelRate
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.labels import Labels
from trimtab.deployment.pod_counters import SIDES, SideName
from trimtab.deployment.steps import Position, step_key
from trimtab.model.numbers import shown
from trimtab.stats.difference import Difference, difference, enough
from trimtab.stats.proportions import MIN_EXPECTED, Occurrences

BASELINE = "labels"


def with_baseline(evidence: Evidence, at: Position) -> Evidence:
    """``evidence`` that remembers what was known when the experiment that it is in began."""
    key = _key(evidence, at)
    if at.step is None or at.step.experiment is None or key in evidence.latched:
        return evidence
    seen = {f"{side}/{name}": str(n) for side in SIDES for name, n in _numbers(evidence.labels[side])}
    return replace(evidence, latched={**evidence.latched, key: seen})


def result(experiment: Experiment, evidence: Evidence, at: Position) -> ExperimentStatus:
    """What it has found so far."""
    stable, candidate = (_seen(evidence, at, side) for side in ("stable", "candidate"))
    if not enough(_share(stable), _share(candidate)):
        return ExperimentStatus(verdict="NoData", stable=_arm(stable), candidate=_arm(candidate))
    found = difference(_share(stable), _share(candidate))
    return ExperimentStatus(
        verdict=_verdict(experiment.label_rate, found),
        stable=_arm(stable),
        candidate=_arm(candidate),
        difference=shown(found.value),
        low=shown(found.low),
        high=shown(found.high),
    )


def text(found: ExperimentStatus) -> str:
    """The result for people."""
    arms = ", ".join(
        f"{name} {arm.share or 'unknown'} of {arm.labels} labels"
        for name, arm in (("candidate", found.candidate), ("stable", found.stable))
    )
    if found.difference is None:
        return f"{found.verdict}: {arms}; each side must expect {MIN_EXPECTED:.0f} labels of either value"
    return (
        f"{found.verdict}: {arms}; difference {found.difference}, 95 % between {found.low} and {found.high}"
    )


def _verdict(metric: LabelRate, found: Difference) -> str:
    if found.low <= 0 <= found.high:
        return "Undecided"
    return "Better" if (found.low > 0) == (metric.better == "Higher") else "Worse"


def _seen(evidence: Evidence, at: Position, side: SideName) -> Labels:
    before = evidence.latched.get(_key(evidence, at))
    if before is None:
        return Labels()
    return evidence.labels[side] - Labels(int(before[f"{side}/total"]), int(before[f"{side}/positive"]))


def _arm(seen: Labels) -> ArmStatus:
    share = _share(seen).share if seen.total else None
    return ArmStatus(labels=seen.total, share=None if share is None else shown(share))


def _share(seen: Labels) -> Occurrences:
    return Occurrences(seen.positive, seen.total)


def _numbers(labels: Labels) -> tuple[tuple[str, int], ...]:
    return ("total", labels.total), ("positive", labels.positive)


def _key(evidence: Evidence, at: Position) -> str:
    return f"{step_key(evidence.turn, at.index)}/{BASELINE}"
