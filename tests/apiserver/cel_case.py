"""What a case for a CEL rule is, and short ways to write one."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.apiserver.samples import Edits

NO_EDITS: Edits = {}
MEMBER_NAMES = "names start with a letter or _ and hold letters, digits, '_', '.' and '-' only"
METRIC_NAMES = "metric names start with a letter and hold letters, digits, '_', '.' and '-' only"
QUALIFIED_NAMES = "keys are qualified names such as cpu, nvidia.com/gpu or example.com/pool"
WRONG_ORDER = "min may not be greater than max"
NEW = "create a new Experiment"

SPEC = "spec"
CONTRACT = "spec.dataContract"
COLUMN = "spec.dataContract.columns[]"
ENTRY = "spec.data[]"
SEARCHED = "spec.search.parameters[]"
GATE = "spec.evaluation.gates[]"
TRIAL = "spec.trial"
TOLERATION = "spec.trial.tolerations[]"

FIRST_COLUMN = "spec.dataContract.columns.temp"
FIRST_SEARCHED = "spec.search.parameters[0]"
FIRST_GATE = "spec.evaluation.gates[0]"


@dataclass(frozen=True)
class Case:
    """Edits of the kind's sample. Where `stored` is given, the object exists with these edits (and with
    `stored_status`) and is updated; otherwise it is created."""

    kind: str
    path: str
    message: str
    accepted: Edits
    refused: Edits
    stored: Edits | None = None
    stored_status: Edits = field(default_factory=dict)
    in_status: bool = False
    """The edits are written through the status subresource."""

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.path}:{self.message[:60]}"


def experiment(path: str, message: str, *, accepted: Edits = NO_EDITS, refused: Edits) -> Case:
    return Case("Experiment", path, message, accepted, refused)


def fixed(member: str, message: str, refused: Edits) -> Case:
    """A member that may not change once stored; suspending the object meanwhile may."""
    return Case("Experiment", SPEC, f"{member} {message}: {NEW}", {"spec.suspend": True}, refused, stored={})


def rising(limit: str) -> Case:
    message = f"budget.{limit} may be raised, not lowered: for less, {NEW}"
    budget = {"maxTrials": 5, "parallelTrials": 3, "maxFailedTrials": 2}
    accepted, refused = ({f"spec.budget.{limit}": budget[limit] + step} for step in (1, -1))
    return Case("Experiment", SPEC, message, accepted, refused, stored={"spec.budget": budget})


def searched(message: str, *, accepted: Edits, refused: Edits) -> Case:
    """Edits of the searched parameter; one that is set replaces the whole."""
    return experiment(
        SEARCHED, message, accepted={FIRST_SEARCHED: accepted}, refused={FIRST_SEARCHED: refused}
    )


def gate(message: str, *, accepted: Edits, refused: Edits) -> Case:
    return experiment(
        GATE,
        message,
        accepted={FIRST_GATE: {"metric": "auc", **accepted}},
        refused={FIRST_GATE: {"metric": "auc", **refused}},
    )


def toleration(message: str, *, accepted: Edits, refused: Edits) -> Case:
    accepted, refused = {"spec.trial.tolerations": [accepted]}, {"spec.trial.tolerations": [refused]}
    return experiment(TOLERATION, message, accepted=accepted, refused=refused)


def deployment(path: str, message: str, *, accepted: Edits, refused: Edits) -> Case:
    return Case("Deployment", path, message, accepted, refused)


def serving_toleration(message: str, *, accepted: Edits, refused: Edits) -> Case:
    edits: list[Edits] = [{"spec.serving.tolerations": [one]} for one in (accepted, refused)]
    return deployment("spec.serving.tolerations[]", message, accepted=edits[0], refused=edits[1])


def metric(message: str, *, accepted: Edits, refused: Edits) -> Case:
    """One metric instead of the sample's."""
    metrics = "spec.rollout.analysis.metrics"
    edits: list[Edits] = [{metrics: [{"name": "one", **one}]} for one in (accepted, refused)]
    return deployment(f"{metrics}[]", message, accepted=edits[0], refused=edits[1])


def monitor(path: str, message: str, *, accepted: Edits = NO_EDITS, refused: Edits) -> Case:
    return Case("DriftMonitor", path, message, accepted, refused)


def status(path: str, message: str, accepted: Edits, refused: Edits) -> Case:
    return Case("Experiment", path, message, accepted, refused, stored={}, in_status=True)
