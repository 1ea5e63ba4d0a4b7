"""k of n windows before an alarm is raised, and a separate, lower level before it is cleared."""

from dataclasses import dataclass, replace
from enum import StrEnum


class Mark(StrEnum):
    """What one judged window said about one feature."""

    ABOVE = "Above"  # a finding: significant and at or above the raise level
    BETWEEN = "Between"
    CLEAR = "Clear"  # below the clear level


@dataclass(frozen=True, slots=True)
class PersistenceRule:
    """Raised by `raise_windows` of the last `of_windows`; `raise_level` > `clear_level` (any one unit)."""

    raise_windows: int = 2
    of_windows: int = 3
    raise_level: float = 0.05
    clear_level: float = 0.03

    def __post_init__(self) -> None:
        if not 1 <= self.raise_windows <= self.of_windows:
            raise ValueError("need 1 <= raise_windows <= of_windows")
        if not self.clear_level <= self.raise_level:
            raise ValueError("clear_level must not be above raise_level")

    @property
    def clear_windows(self) -> int:
        """Clear windows needed: so many that `raise_windows` findings cannot be among the same n."""
        return max(self.raise_windows, self.of_windows - self.raise_windows + 1)


@dataclass(frozen=True, slots=True)
class Persistence:
    """State of one feature: serialisable, oldest mark first, at most `of_windows` marks."""

    raised: bool = False
    marks: tuple[Mark, ...] = ()

    @property
    def findings(self) -> int:
        """Windows among the remembered ones that were findings."""
        return self.marks.count(Mark.ABOVE)

    def to_dict(self) -> dict[str, object]:
        """For a checkpoint; `from_dict` gives back an equal state."""
        return {"raised": self.raised, "marks": [mark.value for mark in self.marks]}

    @classmethod
    def from_dict(cls, stored: dict[str, object]) -> "Persistence":
        """Raises ValueError or KeyError for anything `to_dict` did not write."""
        raised, marks = stored["raised"], stored["marks"]
        if not isinstance(raised, bool) or not isinstance(marks, list):
            raise ValueError("not the state of a persistence rule")
        return cls(raised=raised, marks=tuple(Mark(mark) for mark in marks))


def mark(value: float, *, significant: bool, rule: PersistenceRule) -> Mark:
    """Place one judged window: a finding must be significant as well as large."""
    if significant and value >= rule.raise_level:
        return Mark.ABOVE
    return Mark.CLEAR if value < rule.clear_level else Mark.BETWEEN


def advance(state: Persistence, window: Mark | None, rule: PersistenceRule) -> Persistence:
    """The state after one more window.

    None is a window that was not judged (late, partial, too few rows): it neither raises, clears nor pushes
    an older window out, so missing data can never end an alarm.
    """
    if window is None:
        return state
    marks = (*state.marks, window)[-rule.of_windows :]
    if state.raised:
        cleared = marks.count(Mark.CLEAR) >= rule.clear_windows
        return Persistence(raised=not cleared, marks=marks)
    return replace(state, raised=marks.count(Mark.ABOVE) >= rule.raise_windows, marks=marks)
