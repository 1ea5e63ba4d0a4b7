"""Who started an Experiment: a person, or a drift monitor that found its model worse."""

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from trimtab.apis.markers import Rule
from trimtab.apis.v1alpha1.meta import ObjectName, SpecModel

DecisionId = Annotated[str, StringConstraints(min_length=3, max_length=12, pattern="^d-[1-9][0-9]*$")]


class Trigger(SpecModel):
    """Who started the Experiment."""

    rules: ClassVar = (
        Rule(
            "self.kind == 'DriftMonitor' ? has(self.name) && has(self.decision) "
            ": !has(self.name) && !has(self.decision)",
            "name and decision belong to kind: DriftMonitor: give both with it, and neither with User",
        ),
    )
    kind: Literal["User", "DriftMonitor"]
    """User: a person or a pipeline applied it. DriftMonitor: a decision of a monitor."""
    name: ObjectName | None = None
    """Name of the DriftMonitor."""
    decision: DecisionId | None = None
    """Its decision: the `status.decision.id` it had."""
