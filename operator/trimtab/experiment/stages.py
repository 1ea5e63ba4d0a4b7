"""The named stages of an Experiment. A stage follows from status alone, so every process derives the same."""

from __future__ import annotations

from enum import Enum, auto

from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus, TrialStatus
from trimtab.experiment.reasons import Reason
from trimtab.model.errors import Terminal

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


def winner_of(status: ExperimentStatus) -> TrialStatus:
    """The trial that was chosen. Raises Terminal if somebody's edit of the status has lost it."""
    for trial in status.trials:
        if trial.index == status.winner and trial.phase == "Succeeded" and trial.manifest_digest:
            return trial
    raise Terminal(
        Reason.INVALID_STATUS,
        f"status.winner {status.winner} is no succeeded trial of status.trials: somebody has edited the "
        "status; restore it, or create a new Experiment",
    )
