"""Gates: verdicts over the numbers of one evaluation Job. Numbers of two different Jobs are never
compared."""

from __future__ import annotations

from trimtab.apis.v1alpha1.experiment_status import GateStatus
from trimtab.apis.v1alpha1.gates import Gate
from trimtab.experiment.reasons import Reason
from trimtab.model.numbers import shown
from trimtab_runtime.contract.message import Comparison, EvaluationResult


def judge(gate: Gate, result: EvaluationResult, *, has_champion: bool) -> GateStatus:
    """The verdict of one gate, with the numbers that decided it.

    Only without a champion a comparison passes unmeasured; a comparison that the result owes is Invalid.
    """
    value = result.metrics.get(gate.metric)
    if value is None:
        return GateStatus(metric=gate.metric, verdict="Invalid", reason=Reason.RESULT_INVALID.value)
    if gate.not_worse_than is None:
        return _judge_bounds(gate, value)
    if not has_champion:
        return GateStatus(
            metric=gate.metric, verdict="Pass", reason=Reason.NO_CHAMPION.value, challenger=shown(value)
        )
    compared = next((c for c in result.gates if c.metric == gate.metric), None)
    if compared is None:
        return GateStatus(
            metric=gate.metric, verdict="Invalid", reason=Reason.RESULT_INVALID.value, challenger=shown(value)
        )
    return _judge_comparison(gate, compared)


def _judge_bounds(gate: Gate, value: float) -> GateStatus:
    low_enough = gate.max is None or value <= float(gate.max)
    high_enough = gate.min is None or value >= float(gate.min)
    verdict = "Pass" if low_enough and high_enough else "Fail"
    return GateStatus(metric=gate.metric, verdict=verdict, challenger=shown(value))


def _judge_comparison(gate: Gate, compared: Comparison) -> GateStatus:
    """Pass if the paired difference (positive = challenger better), or its lower bound, is >= -tolerance."""
    numbers = {
        "metric": gate.metric,
        "challenger": shown(compared.challenger),
        "champion": shown(compared.champion),
        "difference": shown(compared.difference),
        "interval": tuple(shown(bound) for bound in compared.interval or ()),
        "groups": compared.groups,
    }
    decisive = compared.difference
    if gate.require == "LowerBound":
        if compared.interval is None:
            return GateStatus.model_validate(
                numbers | {"verdict": "Invalid", "reason": Reason.GATE_INVALID.value}
            )
        decisive = compared.interval[0]
    verdict = "Pass" if decisive >= -float(gate.tolerance or "0") else "Fail"
    return GateStatus.model_validate(numbers | {"verdict": verdict})


def describe(status: GateStatus) -> str:
    """One gate in a sentence, for conditions and Events."""
    parts = [f"{status.metric} {status.verdict}"]
    if status.challenger is not None:
        parts.append(f"challenger {status.challenger}")
    if status.champion is not None:
        parts.append(f"champion {status.champion}, difference {status.difference}")
    if status.interval:
        parts.append(f"interval {status.interval[0]}..{status.interval[1]} over {status.groups} groups")
    if status.reason:
        parts.append(str(status.reason))
    return ", ".join(parts)
