"""Types every kind shares: base models, scalars with their wire patterns, conditions, history."""

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)
from pydantic.alias_generators import to_camel

from trimtab.apis.markers import IntOrString, MapKeys, Rule, list_map

GROUP = "trimtab.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

MAX_OBJECT_NAME_LENGTH = 40
MAX_MODEL_NAME_LENGTH = 27
"""A retrain Experiment is called `<model>-r-<10 hex>` and must keep to MAX_OBJECT_NAME_LENGTH."""


class ApiModel(BaseModel):
    """Base of every model: immutable, snake_case in Python, camelCase on the wire.

    The text under a field is its description in the CRD and in the reference pages.
    """

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    def to_wire(self) -> dict[str, Any]:
        """The JSON object the API server stores: camelCase, without absent and empty members."""
        wire: dict[str, Any] = _without_empty(self.model_dump(mode="json", by_alias=True))
        return wire


class SpecModel(ApiModel):
    """What users write: an unknown field is an error, never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class StatusModel(ApiModel):
    """What the operator writes: a field of a newer operator is ignored, so that a downgrade can read it."""

    model_config = ConfigDict(extra="ignore")


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_empty(member) for key, member in value.items()}
        return {key: member for key, member in kept.items() if member not in (None, [], {})}
    if isinstance(value, list):
        return [_without_empty(member) for member in value]
    return value


# --- scalars -----------------------------------------------------------------------------------------------

DNS_LABEL_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_PATTERN = "^[A-Za-z_][A-Za-z0-9_.-]*$"
METRIC_PATTERN = "^[A-Za-z][A-Za-z0-9_.-]*$"
DIGEST_PATTERN = "^sha256:[a-f0-9]{64}$"
PINNED_IMAGE_PATTERN = "^[^ @]+@sha256:[a-f0-9]{64}$"
IMAGE_PATTERN = "^[^ @]+(@sha256:[a-f0-9]{64})?$"
DECIMAL_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?$"
MEASURED_PATTERN = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$"
DURATION_PATTERN = "^([0-9]{1,5}(ms|s|m|h)){1,4}$"
QUANTITY_PATTERN = r"^[0-9]{1,15}(\.[0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
REASON_PATTERN = "^[A-Za-z][A-Za-z0-9]*$"

ModelName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_MODEL_NAME_LENGTH, pattern=DNS_LABEL_PATTERN)
]
DnsLabel = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=DNS_LABEL_PATTERN)]
ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253)]
MemberName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=NAME_PATTERN)]
"""A column or a parameter."""
MetricName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=METRIC_PATTERN)]
Digest = Annotated[str, StringConstraints(max_length=71, pattern=DIGEST_PATTERN)]
Image = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=IMAGE_PATTERN)]
PinnedImage = Annotated[str, StringConstraints(max_length=512, pattern=PINNED_IMAGE_PATTERN)]
Decimal = Annotated[str, StringConstraints(max_length=36, pattern=DECIMAL_PATTERN)]
"""A number in a spec: a string, because floats do not survive YAML and JSON unchanged."""
Measured = Annotated[str, StringConstraints(max_length=36, pattern=MEASURED_PATTERN)]
"""A number the operator measured: any finite double in its shortest form."""
Duration = Annotated[str, StringConstraints(min_length=2, max_length=32, pattern=DURATION_PATTERN)]
"""A Go-style duration such as `90s` or `1h30m`; `duration_seconds` reads it."""
Quantity = Annotated[
    str,
    BeforeValidator(lambda value: str(value) if type(value) is int else value),
    StringConstraints(min_length=1, max_length=32, pattern=QUANTITY_PATTERN),
    IntOrString(),
]
ShortText = Annotated[str, StringConstraints(max_length=256)]
Message = Annotated[str, StringConstraints(max_length=1024)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=REASON_PATTERN)]
Uid = Annotated[str, StringConstraints(min_length=1, max_length=64)]

MEMBER_KEYS = MapKeys(
    NAME_PATTERN, 63, "names start with a letter or _ and hold letters, digits, '_', '.' and '-' only"
)
METRIC_KEYS = MapKeys(
    METRIC_PATTERN, 63, "metric names start with a letter and hold letters, digits, '_', '.' and '-' only"
)


def _whole_seconds(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(microsecond=0)


Time = Annotated[
    AwareDatetime,
    AfterValidator(_whole_seconds),
    PlainSerializer(lambda value: value.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str, when_used="json"),
]
"""An instant in UTC, kept to the second as Kubernetes does."""

_SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_seconds(duration: str) -> float:
    """Seconds of a `Duration` (already checked against its pattern)."""
    parts = re.findall("([0-9]+)(ms|s|m|h)", duration)
    return sum(int(count) * _SECONDS_PER_UNIT[unit] for count, unit in parts)


DEADLINE_RULE = Rule(
    "duration(self) >= duration('1s') && duration(self) <= duration('720h')",
    "a deadline must be at least 1s and at most 720h",
)
Deadline = Annotated[Duration, DEADLINE_RULE]


def deadline_seconds(deadline: str) -> int:
    """Whole seconds of a `Deadline`, rounded up: what activeDeadlineSeconds takes."""
    return math.ceil(duration_seconds(deadline))


# --- objects -----------------------------------------------------------------------------------------------


class ObjectMeta(StatusModel):
    """The part of Kubernetes metadata the operator reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None


class Resource(StatusModel):
    """A whole object as the API server returns it."""

    api_version: str = API_VERSION
    kind: str
    metadata: ObjectMeta


OBJECT_NAME_RULE = Rule(
    f"self.metadata.name.size() <= {MAX_OBJECT_NAME_LENGTH}",
    f"metadata.name may have at most {MAX_OBJECT_NAME_LENGTH} characters: Jobs and pods are named after it",
)


class Condition(StatusModel):
    """One observation about the object, in the form all Kubernetes tools read."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=REASON_PATTERN)]
    """Ready, Reconciling, Stalled, or one of the kind's own."""
    status: Literal["True", "False", "Unknown"]
    """Whether the condition holds."""
    reason: Reason
    """Why, as one word of the kind's closed list."""
    message: Message = ""
    """Why, for people, and what to do about it."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """The metadata.generation this was observed on."""
    last_transition_time: Time
    """When the status last changed from one value to another."""


Conditions = Annotated[tuple[Condition, ...], Field(max_length=8), list_map("type")]


class ActionStatus(StatusModel):
    """The last action of a person that was read from the annotation."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """The action's token: the same token is carried out once."""
    action: Annotated[str, StringConstraints(max_length=32)]
    """promote, abort, retry, rollback or approve."""
    by: Annotated[str, StringConstraints(max_length=256)] = ""
    """Who asked for it, as the annotation says: `unverified`, for the operator cannot know who wrote it."""
    outcome: Literal["Done", "StaleAction"]
    """Done, or StaleAction: what it names is not what there is now."""
    at: Time
    """When it was read."""


class HistoryEntry(StatusModel):
    """One transition that will not be undone, with its evidence; Events are derived from these."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Identifies the transition; the same transition always gets the same id."""
    time: Time
    """When the operator decided it."""
    type: Literal["Normal", "Warning"] = "Normal"
    """The type of the Event made from this entry."""
    reason: Reason
    """What happened, as one word."""
    message: Message = ""
    """What happened, for people, with the numbers that decided it."""


History = Annotated[tuple[HistoryEntry, ...], Field(max_length=50), list_map("id")]
