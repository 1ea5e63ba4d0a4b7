"""The named stages of an Experiment. A stage follows from status alone, so every process derives the same."""

from __future__ import annotations

from enum import Enum, auto

from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus

FINAL_PHASES = frozenset({"Succeeded", "GateFailed", "Failed"})


class Stage(Enum):
    RESOLVE_DATA = auto()
    TRAIN = auto()
    CHOOSE_CHAMPION = auto()
    EVALUATE = auto()
    REGISTER = auto()
    DONE = auto()


def stage_of(status: ExperimentStatus) -> Stage:
    """First stage whose outcome is not in status yet."""
    if status.phase in FINAL_PHASES:
        return Stage.DONE
    if not status.data:
        return Stage.RESOLVE_DATA
    if status.winner is None:
        return Stage.TRAIN
    if status.evaluation is None:
        return Stage.CHOOSE_CHAMPION
    if not status.gates:
        return Stage.EVALUATE
    return Stage.REGISTER
