"""trial.json and params.json: what a trial is told about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Reason
from .metrics import GOALS, METRIC_NAME
from .strict import NAME, Fields, parse_json

MAX_PARAMETERS = 84  # 64 fixed and 20 searched ones


@dataclass(frozen=True)
class Objective:
    """The metric that chooses the winner, measured by user code on the validation split."""

    metric: str
    goal: str

    def to_json(self) -> dict[str, str]:
        return {"metric": self.metric, "goal": self.goal}


@dataclass(frozen=True)
class Trial:
    """Identity of one attempt of one trial. `experiment` is the object's name; `attempt` numbers Jobs."""

    model: str
    experiment: str
    trial: int
    attempt: int
    seed: int
    objective: Objective

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "experiment": self.experiment,
            "trial": self.trial,
            "attempt": self.attempt,
            "seed": self.seed,
            "objective": self.objective.to_json(),
        }


def parse_trial(value: Any, *, reason: Reason = Reason.CONFIG_INVALID, field: str = "trial") -> Trial:
    """Parse the object of trial.json."""
    fields = Fields(value, reason, field)
    objective = fields.object("objective")
    trial = Trial(
        model=fields.text("model", pattern=NAME),
        experiment=fields.text("experiment", pattern=NAME),
        trial=fields.integer("trial", low=1),
        attempt=fields.integer("attempt", low=1),
        seed=fields.integer("seed"),
        objective=Objective(objective.text("metric", pattern=METRIC_NAME), objective.choice("goal", GOALS)),
    )
    objective.end()
    fields.end()
    return trial


def parse_trial_file(data: bytes) -> Trial:
    """Parse trial.json as `fetch` wrote it."""
    return parse_trial(parse_json(data, reason=Reason.CONFIG_INVALID, name="trial.json"), field="trial.json")


def parse_parameters(
    value: Any, *, reason: Reason = Reason.CONFIG_INVALID, field: str = "params.json"
) -> Mapping[str, str]:
    """Parse params.json: parameter name to text, as written in the spec or suggested by the search."""
    return Fields({"parameters": value}, reason, field).texts("parameters", max_items=MAX_PARAMETERS)
