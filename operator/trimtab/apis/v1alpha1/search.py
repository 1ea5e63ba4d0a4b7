"""Which parameters vary between trials, what they are judged by, and how many trials there may be."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import SET, list_map
from trimtab.apis.v1alpha1.meta import Decimal, MemberName, SpecModel


class SearchParameter(SpecModel):
    """One dimension of the search: an interval of numbers, or a list of values."""

    name: MemberName
    """Name of the parameter. It may not stand in `spec.parameters` as well."""
    type: Literal["double", "int", "categorical"]
    """double and int draw from `min` to `max`, both included; categorical draws from `values`."""
    min: Decimal | None = None
    """Smallest value of a double or int."""
    max: Decimal | None = None
    """Largest value of a double or int."""
    scale: Literal["linear", "log"] | None = None
    """Whether draws are uniform in the value (linear, the default) or in its logarithm (log)."""
    values: Annotated[
        tuple[Annotated[str, StringConstraints(min_length=1, max_length=128)], ...], Field(max_length=50), SET
    ] = ()
    """The values of a categorical parameter, drawn with equal probability."""


class Search(SpecModel):
    """How the parameters of a trial are chosen. Draws depend only on `spec.seed` and the trial's number."""

    algorithm: Literal["random"] = "random"
    """random: independent draws."""
    parameters: Annotated[tuple[SearchParameter, ...], Field(min_length=1, max_length=20), list_map("name")]
    """What varies."""


class Objective(SpecModel):
    """The number that picks the winner among the trials."""

    metric: MemberName
    """A metric each trial writes to `/trimtab/out/metrics.jsonl`, measured on the validation split. A trial
    that does not write it fails."""
    goal: Literal["minimize", "maximize"]
    """Whether smaller or larger is better."""


class Budget(SpecModel):
    """Limits of the search. They may be raised until a winner is chosen, and never lowered."""

    max_trials: Annotated[int, Field(ge=1, le=50)] = 1
    """How many trials are made in all. Without `search` there is one trial."""
    parallel_trials: Annotated[int, Field(ge=1, le=10)] = 1
    """How many trials run at the same time."""
    max_failed_trials: Annotated[int, Field(ge=0, le=49)] = 0
    """How many trials may fail: one more and the Experiment fails."""
