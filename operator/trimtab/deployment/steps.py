"""The steps of a rollout: what a step asks for, whether it is done, and how long that has taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.apis.v1alpha1.deployment_status import StepStatus
from trimtab.apis.v1alpha1.rollout import Analyze, Step


@dataclass(frozen=True)
class Share:
    """What the candidate gets, in percent of the requests: answered ones (``weight``), and copies
    (``mirror``)."""

    weight: int = 0
    mirror: int = 0

    @property
    def pods_share(self) -> int:
        """What its pods have to bear."""
        return self.weight or self.mirror


NOTHING, ALL = Share(), Share(weight=100)


@dataclass(frozen=True)
class Position:
    """The step the rollout is in; ``step`` None = behind the last one: the candidate is promoted."""

    index: int
    step: Step | None
    share: Share

    @property
    def weight(self) -> int:
        return self.share.weight

    @property
    def analyze(self) -> Analyze | None:
        return self.step.analyze if self.step else None


def position(steps: Sequence[Step], status: StepStatus | None) -> Position:
    """The share is that of the last step up to here that moves traffic; before the first one it is nothing,
    behind all of them everything."""
    index = min(status.index if status else 0, len(steps))
    if index == len(steps):
        return Position(index, None, ALL)
    moving = [step for step in steps[: index + 1] if step.moves_traffic]
    return Position(index, steps[index], _share(moving[-1]) if moving else NOTHING)


def _share(step: Step) -> Share:
    return Share(mirror=step.shadow.percent) if step.shadow else Share(weight=step.weight or 0)


def has_shadow(steps: Sequence[Step]) -> bool:
    return any(step.shadow is not None for step in steps)


BRIEF_PAUSE_SECONDS = 5


def brief_pause(steps: Sequence[Step], index: int) -> int | None:
    """Seconds of the pause behind the step ``index``, which moves traffic, if it is too short to be said in
    status.

    It is waited for in that step: a status that would stand for a few seconds is not worth a write.
    """
    if index + 1 >= len(steps) or not steps[index].moves_traffic:
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
