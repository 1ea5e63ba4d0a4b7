"""decide(observed, now) -> Plan for one Experiment: what each stage does is in the module of that stage."""

from __future__ import annotations

from datetime import datetime

from trimtab.experiment import evaluate, register, resolve, suspend, trials
from trimtab.experiment.observed import ExperimentObserved
from trimtab.experiment.outcome import Decision, fail, finish
from trimtab.experiment.stages import Stage, stage_of
from trimtab.model.plan import Plan
from trimtab_runtime.contract.errors import ContractError


def decide(observed: ExperimentObserved, now: datetime) -> Plan:
    """One pass. Pure: equal arguments give equal plans, and a plan that was carried out leads to an empty
    one. Raises Terminal for a status that only somebody's hand can have written."""
    status = observed.status
    stage = stage_of(status)
    if stage is not Stage.DONE and suspend.is_due(observed):
        return finish(observed, suspend.decide(observed, now), now)
    try:
        decision = _decide_stage(stage, observed, now)
    except ContractError as error:
        # A spec that the containers could not be told: too many categories for one environment variable.
        decision = fail(status, "Failed", error.reason, f"{error.field}: {error.message}", now)
    return finish(observed, decision, now)


def _decide_stage(stage: Stage, observed: ExperimentObserved, now: datetime) -> Decision:
    match stage:
        case Stage.RESOLVE_DATA:
            return resolve.decide(observed, now)
        case Stage.TRAIN:
            return trials.decide(observed, now)
        case Stage.CHOOSE_CHAMPION:
            return evaluate.choose_champion(observed, now)
        case Stage.EVALUATE:
            return evaluate.decide(observed, now)
        case Stage.REGISTER:
            return register.decide(observed, now)
        case Stage.DONE:
            return Decision(observed.status)
