"""The training container of an Experiment: a typed selection of a container's fields, no free PodSpec."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from trimtab.apis.markers import ATOMIC, MapKeys, Rule, list_map
from trimtab.apis.v1alpha1.meta import Deadline, Image, Quantity, SpecModel, deadline_seconds

QUALIFIED_NAME_PATTERN = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LABEL_VALUE_PATTERN = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

Argument = Annotated[str, StringConstraints(max_length=1024)]
LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=LABEL_VALUE_PATTERN)]
QualifiedName = Annotated[str, StringConstraints(max_length=317, pattern=QUALIFIED_NAME_PATTERN)]
QUALIFIED_KEYS = MapKeys(
    QUALIFIED_NAME_PATTERN, 317, "keys are qualified names such as cpu, nvidia.com/gpu or example.com/pool"
)
ResourceAmounts = Annotated[dict[str, Quantity], Field(max_length=8), QUALIFIED_KEYS]


class EnvVar(SpecModel):
    """One environment variable with a literal value."""

    rules: ClassVar = (
        Rule("!self.name.startsWith('TRIMTAB_')", "names that start with TRIMTAB_ are reserved: rename it"),
        Rule(
            "!has(self.value) || !self.value.contains('$(params.')",
            "$(params.<name>) works in trial.args only: move it from trial.env there",
        ),
    )
    name: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern="^[A-Za-z_][A-Za-z0-9_]*$")]
    """Name of the variable. Names that start with TRIMTAB_ are reserved."""
    value: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Its value, taken literally."""


class Resources(SpecModel):
    """Compute resources of the training container, as in a pod."""

    rules: ClassVar = (
        Rule(
            "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || "
            "quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)",
            "a request may not be greater than the limit of the same resource",
        ),
    )
    requests: ResourceAmounts = Field(default_factory=dict)
    """What the scheduler sets aside."""
    limits: ResourceAmounts = Field(default_factory=dict)
    """What the container may not exceed."""


class Toleration(SpecModel):
    """A taint the trial's pod tolerates, as in a pod."""

    rules: ClassVar = (
        Rule(
            "self.?operator.orValue('Equal') != 'Exists' || !has(self.value)",
            "operator Exists takes no value: leave value out, or use operator: Equal",
        ),
        Rule(
            "self.?operator.orValue('Equal') == 'Exists' || has(self.key)",
            "operator Equal (the default) needs a key: name the taint, or use operator: Exists",
        ),
        Rule(
            "!has(self.tolerationSeconds) || self.?effect.orValue('') == 'NoExecute'",
            "tolerationSeconds needs effect: NoExecute",
        ),
    )
    key: QualifiedName | None = None
    """The taint's key. Without it, `operator: Exists` tolerates every taint."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal compares `value`, Exists does not."""
    value: LabelValue | None = None
    """The taint's value, for Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect. Without it, every effect is tolerated."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """For NoExecute: how long the pod stays after the taint appears. Without it, for ever."""


class TrialTemplate(SpecModel):
    """The container that trains one candidate model.

    It reads `/trimtab/in`, writes `/trimtab/out`, and runs without credentials or API token, as a non-root
    user with a read-only root file system and an empty `/tmp`.
    """

    rules: ClassVar = (
        Rule(
            "!has(self.command) || !self.command.exists(word, word.contains('$(params.'))",
            "$(params.<name>) works in trial.args only: move it from trial.command there",
        ),
    )
    image: Image
    """The image with the training code. Pin it by digest (`...@sha256:...`) for an experiment that can be
    repeated; a tag is resolved by the node that runs the trial."""
    command: Annotated[tuple[Argument, ...], Field(max_length=16), ATOMIC] = ()
    """The program. Without it the image's entry point runs."""
    args: Annotated[tuple[Argument, ...], Field(max_length=64), ATOMIC] = ()
    """Its arguments. `$(params.<name>)` is replaced by the trial's value of that parameter."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=50), list_map("name")] = ()
    """Environment variables with literal values."""
    resources: Resources = Field(default_factory=Resources)
    """CPU, memory and other resources of the container."""
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=16), QUALIFIED_KEYS] = Field(
        default_factory=dict
    )
    """Labels a node must have to run the trial."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=16), ATOMIC] = ()
    """Taints the trial's pod tolerates."""
    retries: Annotated[int, Field(ge=0, le=10)] = 0
    """How often a failed pod is started again before the trial counts as failed. Exit code 42 is never
    retried; a pod the cluster evicted does not count."""
    deadline: Deadline = "1h"
    """How long one trial may take, retries, downloads and the upload of its model included."""

    @property
    def deadline_seconds(self) -> int:
        """`deadline` in whole seconds, rounded up: what activeDeadlineSeconds takes."""
        return deadline_seconds(self.deadline)
