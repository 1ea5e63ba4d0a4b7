"""Which parameters vary between trials, what they are judged by, and how many trials there may be."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import SET, Rule, list_map
from trimtab.apis.v1alpha1.meta import Decimal, MemberName, MetricName, SpecModel


class SearchParameter(SpecModel):
    """One dimension of the search: an interval of numbers, or a list of values."""

    rules: ClassVar = (
        Rule(
            "self.type != 'categorical' || "
            "(self.?values.orValue([]).size() > 0 && !has(self.min) && !has(self.max) && !has(self.scale))",
            "a categorical parameter needs values, and takes no min, max or scale",
        ),
        Rule(
            "self.type == 'categorical' || (has(self.min) && has(self.max) && !has(self.values))",
            "a double or int parameter needs min and max, and takes no values",
        ),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "min may not be greater than max",
        ),
        Rule(
            "self.type != 'int' || [self.?min.orValue('0'), self.?max.orValue('0')]"
            ".all(bound, bound.matches('^-?[0-9]+$'))",
            'min and max of an int parameter must be whole numbers, such as "4"',
        ),
        Rule(
            "self.?scale.orValue('linear') != 'log' || !has(self.min) || double(self.min) > 0.0",
            "scale: log needs min above 0",
        ),
    )
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

    metric: MetricName
    """A metric each trial writes to `/trimtab/out/metrics.jsonl`, measured on the validation split. A trial
    that does not write it fails."""
    goal: Literal["minimize", "maximize"]
    """Whether smaller or larger is better."""


class Budget(SpecModel):
    """Limits of the search. They may be raised until a winner is chosen, and never lowered."""

    rules: ClassVar = (
        Rule(
            "self.?parallelTrials.orValue(1) <= self.?maxTrials.orValue(1)",
            "parallelTrials may not be greater than maxTrials",
        ),
    )
    max_trials: Annotated[int, Field(ge=1, le=50)] = 1
    """How many trials are made in all. Without `search` there is one trial."""
    parallel_trials: Annotated[int, Field(ge=1, le=10)] = 1
    """How many trials run at the same time."""
    max_failed_trials: Annotated[int, Field(ge=0, le=49)] = 0
    """How many trials may fail: one more and the Experiment fails."""
