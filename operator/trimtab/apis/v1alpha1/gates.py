"""What the winner of an Experiment must reach on the evaluation split."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from trimtab.apis.markers import ATOMIC, Rule
from trimtab.apis.v1alpha1.meta import Deadline, Decimal, ObjectName, SpecModel, deadline_seconds

GateMetric = Literal["auc", "logLoss", "brier", "accuracy"]


class Gate(SpecModel):
    """One requirement: either fixed bounds (`min`, `max`), or a comparison with the champion.

    The champion is what the model's Deployment serves, else its highest approved version that is not
    quarantined; both are scored on the same rows. Without one a comparison passes, with reason NoChampion.
    """

    rules: ClassVar = (
        Rule(
            "(has(self.min) || has(self.max)) != has(self.notWorseThan)",
            "a gate has either bounds (min, max) or notWorseThan, not both: for both, write two gates",
        ),
        Rule(
            "has(self.tolerance) == has(self.notWorseThan)",
            "tolerance and notWorseThan belong together: set both, or neither",
        ),
        Rule("!has(self.require) || has(self.notWorseThan)", "require needs notWorseThan: Champion"),
        Rule(
            "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
            "min may not be greater than max",
        ),
        Rule("!has(self.tolerance) || double(self.tolerance) >= 0.0", "tolerance may not be negative"),
    )
    metric: GateMetric
    """auc, logLoss, brier or accuracy, computed on the evaluation split."""
    min: Decimal | None = None
    """Smallest value that passes."""
    max: Decimal | None = None
    """Largest value that passes."""
    not_worse_than: Literal["Champion"] | None = None
    """Compares with the champion on the same rows instead of with a fixed bound."""
    tolerance: Decimal | None = None
    """By how much the winner may be worse than the champion. "0" means not at all."""
    require: Literal["PointEstimate", "LowerBound"] | None = None
    """What must keep within `tolerance`: the measured difference (PointEstimate, the default), or the lower
    bound of its bootstrap interval over groups (LowerBound, which asks for more data)."""


class ChampionReference(SpecModel):
    """Whose stable version the winner is compared with."""

    deployment: ObjectName
    """Name of a Deployment of the same model in this namespace."""


class Evaluation(SpecModel):
    """The evaluation Job and the gates it decides."""

    deadline: Deadline = "30m"
    """How long the evaluation Job may take."""
    champion: ChampionReference | None = None
    """Needed only where several Deployments serve the model."""
    gates: Annotated[tuple[Gate, ...], Field(min_length=1, max_length=10), ATOMIC]
    """All must pass; otherwise the Experiment ends as GateFailed and no ModelVersion is made."""

    @property
    def deadline_seconds(self) -> int:
        """`deadline` in whole seconds, rounded up."""
        return deadline_seconds(self.deadline)
