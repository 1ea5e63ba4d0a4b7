"""The steps of a rollout: what a step asks for, whether it is done, and how long that has taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.apis.v1alpha1.deployment_status import StepStatus
from trimtab.apis.v1alpha1.rollout import Analyze, Step


@dataclass(frozen=True)
class Position:
    """The step the rollout is in; ``step`` None = behind the last one: the candidate is promoted."""

    index: int
    step: Step | None
    weight: int

    @property
    def analyze(self) -> Analyze | None:
        return self.step.analyze if self.step else None


def position(steps: Sequence[Step], status: StepStatus | None) -> Position:
    """``weight`` is that of the last weight step up to here; before the first one it is 0, behind all 100."""
    index = min(status.index if status else 0, len(steps))
    if index == len(steps):
        return Position(index, None, 100)
    weights = [step.weight for step in steps[: index + 1] if step.weight is not None]
    return Position(index, steps[index], weights[-1] if weights else 0)


BRIEF_PAUSE_SECONDS = 5


def brief_pause(steps: Sequence[Step], index: int) -> int | None:
    """Seconds of the pause behind the weight step ``index``, if it is too short to be said in status.

    It is waited for in the weight step: a status that would stand for a few seconds is not worth a write.
    """
    if index + 1 >= len(steps) or steps[index].weight is None:
        return None
    pause = steps[index + 1].pause
    seconds = pause.seconds if pause else None
    return seconds if seconds is not None and seconds <= BRIEF_PAUSE_SECONDS else None


def looks(steps: Sequence[Step]) -> int:
    """How many looks the distribution metrics may take: one per analyze step."""
    return sum(step.analyze is not None for step in steps)


def step_key(turn: str, index: int) -> str:
    """Names a step of one rollout in the evidence."""
    return f"{turn}/{index}"


def observed_seconds(seconds: Mapping[str, float], turn: str, index: int) -> float:
    return seconds.get(step_key(turn, index), 0.0)
