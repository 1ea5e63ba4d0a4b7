"""Experiment: pinned data + code + parameters (or a search) -> trials -> evaluated winner -> ModelVersion."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import list_map
from trimtab.apis.v1alpha1.data import DataContract, DataSource
from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.apis.v1alpha1.gates import Evaluation
from trimtab.apis.v1alpha1.meta import MEMBER_KEYS, MemberName, ModelName, Resource, ShortText, SpecModel
from trimtab.apis.v1alpha1.search import Budget, Objective, Search
from trimtab.apis.v1alpha1.trial import TrialTemplate

Parameters = Annotated[dict[str, ShortText], Field(max_length=64), MEMBER_KEYS]


class CodeReference(SpecModel):
    """Where the training code came from. Recorded in the lineage, never fetched: the code is in the image."""

    repository: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    """Address of the source repository."""
    revision: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    """Commit the image was built from."""


class ExperimentSpec(SpecModel):
    """What to train, on which data, and what the result must reach to become a ModelVersion.

    Immutable except `suspend` and the limits in `budget`, which may only rise: to change anything else,
    create a new Experiment.
    """

    model: ModelName
    """Name of the model: the result is the ModelVersion `<model>-v<N>`."""
    suspend: bool = False
    """Stops running trials and starts none until it is false again. May be changed at any time."""
    seed: Annotated[int, Field(ge=0, le=2147483647)] = 0
    """Seed of the search, and handed to every trial in `/trimtab/in/trial.json`."""
    code: CodeReference | None = None
    """Where the training code came from."""
    data_contract: DataContract
    """What the columns of every split look like."""
    data: Annotated[tuple[DataSource, ...], Field(min_length=4, max_length=4), list_map("name")]
    """The data: each of the splits train, validation, evaluation and reference once.
    Tags are resolved to digests once, before the first trial, and recorded in `status.data`."""
    parameters: Parameters = Field(default_factory=dict)
    """Fixed parameters of every trial, in `/trimtab/in/params.json` and wherever `trial.args` says
    `$(params.<name>)`."""
    search: Search | None = None
    """Which parameters vary between trials, and how. Without it there is exactly one trial."""
    objective: Objective
    """The metric on the validation split that picks the winner."""
    budget: Budget = Field(default_factory=Budget)
    """How many trials there may be."""
    trial: TrialTemplate
    """The container that trains one candidate model."""
    evaluation: Evaluation
    """What the winner is held against, on data no trial has seen, before it becomes a ModelVersion."""

    @property
    def parameter_names(self) -> frozenset[MemberName]:
        """Every name `$(params.<name>)` may refer to."""
        searched = self.search.parameters if self.search else ()
        return frozenset(self.parameters) | {parameter.name for parameter in searched}


class Experiment(Resource):
    """Trains candidate models on pinned data, evaluates the best one and registers it as a ModelVersion."""

    kind: Literal["Experiment"] = "Experiment"
    spec: ExperimentSpec
    status: ExperimentStatus = Field(default_factory=ExperimentStatus)
