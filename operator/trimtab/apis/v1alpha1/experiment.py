"""Experiment: pinned data + code + parameters (or a search) -> trials -> evaluated winner -> ModelVersion."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import Rule
from trimtab.apis.v1alpha1.data import DataContract, DataSources
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.apis.v1alpha1.gates import Evaluation
from trimtab.apis.v1alpha1.meta import (
    MEMBER_KEYS,
    OBJECT_NAME_RULE,
    ModelName,
    Resource,
    ShortText,
    SpecModel,
)
from trimtab.apis.v1alpha1.search import Budget, Objective, Search
from trimtab.apis.v1alpha1.trial import TrialTemplate
from trimtab.apis.v1alpha1.trigger import Trigger

Parameters = Annotated[dict[str, ShortText], Field(max_length=64), MEMBER_KEYS]


class CodeReference(SpecModel):
    """Where the training code came from. Recorded in the lineage, never fetched: the code is in the image."""

    repository: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    """Address of the source repository."""
    revision: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Commit the image was built from."""


def _fixed(*members: str) -> Iterator[Rule]:
    for member in members:
        message = f"{member} cannot be changed: create a new Experiment"
        yield Rule(f"self.{member} == oldSelf.{member}", message)


def _fixed_if_given(*members: str) -> Iterator[Rule]:
    """For optional members: neither added, nor removed, nor changed."""
    for member in members:
        yield Rule(
            f"has(self.{member}) == has(oldSelf.{member}) && "
            f"(!has(self.{member}) || self.{member} == oldSelf.{member})",
            f"{member} cannot be added, removed or changed: create a new Experiment",
        )


def _rising(limit: str, default: int) -> Rule:
    now, before = (f"{of}.?budget.?{limit}.orValue({default})" for of in ("self", "oldSelf"))
    return Rule(
        f"{now} >= {before}", f"budget.{limit} may be raised, not lowered: for less, create a new Experiment"
    )


def _argument_rules() -> Iterator[Rule]:
    """Every `$(params.<name>)` names a parameter.

    CEL cannot price a loop over all pieces of a split, but one over the first eight uses it can; and `split`
    costs a seventh of what a regular expression does, which decides for the largest objects.
    """
    pieces = "word.split('$(params.')"
    name = f"{pieces}[use].split(')')[0]"
    fixed = f"has(self.parameters) && {name} in self.parameters"
    searched = f"has(self.search) && {name} in self.search.parameters.map(searched, searched.name)"
    known = f"[1, 2, 3, 4, 5, 6, 7, 8].all(use, {pieces}.size() <= use || ({fixed}) || ({searched}))"
    yield Rule(
        f"!has(self.trial.args) || self.trial.args.all(word, {known})",
        "trial.args uses a $(params.<name>) that is neither in parameters nor in search.parameters",
    )
    yield Rule(
        f"!has(self.trial.args) || self.trial.args.all(word, {pieces}.size() <= 9)",
        "one of trial.args uses more than 8 parameters: split it, or read /trimtab/in/params.json",
    )


class ExperimentSpec(SpecModel):
    """What to train, on which data, and what the result must reach to become a ModelVersion.

    Immutable except `suspend` and the limits in `budget`, which may only rise: to change anything else,
    create a new Experiment.
    """

    rules: ClassVar = (
        *_fixed("model", "dataContract", "data", "objective", "trial", "evaluation"),
        *_fixed_if_given("seed", "code", "parameters", "search", "trigger"),
        _rising("maxTrials", 1),
        _rising("parallelTrials", 1),
        _rising("maxFailedTrials", 0),
        Rule(
            "has(self.search) || self.?budget.?maxTrials.orValue(1) == 1",
            "budget.maxTrials above 1 needs search: without it all trials would be the same",
        ),
        Rule(
            "!has(self.search) || !has(self.parameters) || "
            "!self.search.parameters.exists(searched, searched.name in self.parameters)",
            "a parameter may stand in parameters or in search.parameters, not in both",
        ),
        *_argument_rules(),
    )
    model: ModelName
    """Name of the model: the result is the ModelVersion `<model>-v<N>`."""
    suspend: bool = False
    """Stops running trials and starts none until it is false again. May be changed at any time."""
    seed: Annotated[int, Field(ge=0, le=2147483647)] = 0
    """Seed of the search, and handed to every trial in `/trimtab/in/trial.json`."""
    code: CodeReference | None = None
    trigger: Trigger | None = None
    """Who started it, copied into the ModelVersion's lineage. Absent: a person or a pipeline."""
    data_contract: DataContract
    data: DataSources
    """The data: train and validation at least once each, evaluation and reference exactly once. Tags are
    resolved to digests once, before the first trial, and recorded in `status.data`."""
    parameters: Parameters = Field(default_factory=dict)
    """Fixed parameters of every trial, in `/trimtab/in/params.json` and wherever `trial.args` says
    `$(params.<name>)`."""
    search: Search | None = None
    """Without it there is exactly one trial."""
    objective: Objective
    budget: Budget = Field(default_factory=Budget)
    trial: TrialTemplate
    evaluation: Evaluation

    @property
    def parameter_names(self) -> frozenset[str]:
        """Every name `$(params.<name>)` may refer to."""
        searched = self.search.parameters if self.search else ()
        return frozenset(self.parameters) | {parameter.name for parameter in searched}


class Experiment(Resource):
    """Trains candidate models on pinned data, evaluates the best one and registers it as a ModelVersion."""

    rules: ClassVar = (
        OBJECT_NAME_RULE,
        Rule(
            "!has(oldSelf.status) || !has(oldSelf.status.winner) || "
            "(has(self.spec.budget) == has(oldSelf.spec.budget) && "
            "(!has(self.spec.budget) || self.spec.budget == oldSelf.spec.budget))",
            "the winner is chosen, so the budget cannot change any more: create a new Experiment",
        ),
    )
    kind: Literal["Experiment"] = "Experiment"
    spec: ExperimentSpec
    status: ExperimentStatus = Field(default_factory=ExperimentStatus)
