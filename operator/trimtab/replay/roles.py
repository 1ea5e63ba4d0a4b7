"""Which column of a file is what: the score, its label, the time; everything else is a feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trimtab.replay.errors import CannotReplay
from trimtab.replay.rows import MISSING_CODE, Floats, Nothing, Numbers, Rows, Texts, Times
from trimtab_runtime.scoring import THRESHOLD


@dataclass(frozen=True)
class Roles:
    """Names of columns, empty = there is none. `positive`: the value of label and prediction that means 1."""

    timestamp: str = ""
    score: str = ""
    prediction: str = ""
    label: str = ""
    positive: str = "1"

    def __post_init__(self) -> None:
        named = [("--prediction", self.prediction), ("--label", self.label)]
        for option, name in named:
            if name and not self.score:
                raise CannotReplay(f"{option} needs --score: the column of the probabilities of a positive")
        names = [name for name in (self.timestamp, self.score, self.prediction, self.label) if name]
        if len(set(names)) < len(names):
            raise CannotReplay("--timestamp, --score, --prediction and --label must name different columns")

    @property
    def named(self) -> frozenset[str]:
        return frozenset((self.timestamp, self.score, self.prediction, self.label)) - {""}


@dataclass(frozen=True)
class Answers:
    """Scores in [0, 1], and labels 0 or 1, NaN where there is none; None without such a column."""

    scores: Floats
    labels: Floats | None


def answers(rows: Rows, roles: Roles) -> Answers | None:
    """The scores and labels of rows; None without a score column. Raises CannotReplay."""
    if not roles.score:
        return None
    scores = _numbers(rows, roles.score, "--score").values
    wrong = np.flatnonzero(~((scores >= 0) & (scores <= 1)))
    if wrong.size:
        raise CannotReplay(
            f"{rows.source}: {roles.score} of row {wrong[0] + 1} is {scores[wrong[0]]:g}, not a probability: "
            "--score names the probability of a positive, from 0 to 1"
        )
    labels = _is_positive(rows, roles.label, "--label", roles.positive) if roles.label else None
    return Answers(scores, labels)


def times(rows: Rows, roles: Roles) -> Floats:
    """Seconds since 1970, one per row. Raises CannotReplay."""
    column = _present(rows, roles.timestamp, "--timestamp")
    if not isinstance(column, Times):
        raise CannotReplay(
            f"{rows.source}: {roles.timestamp} does not hold times: write them like 2013-01-31T18:00:00Z"
        )
    missing = np.flatnonzero(np.isnan(column.seconds))
    if missing.size:
        raise CannotReplay(f"{rows.source}: {roles.timestamp} of row {missing[0] + 1} is missing")
    return column.seconds


def threshold_of(rows: Rows, roles: Roles, scores: Floats) -> float:
    """The score above which a row is predicted positive: what the predictions say, 0.5 without them."""
    if not roles.prediction:
        return THRESHOLD
    predicted = _is_positive(rows, roles.prediction, "--prediction", roles.positive)
    low = float(scores[predicted == 0].max(initial=0.0))
    high = float(scores[predicted == 1].min(initial=1.0))
    if low > high or (low == high and 0 < low < 1):
        raise CannotReplay(
            f"{rows.source}: a row of score {high:g} is predicted positive, one of {low:g} is not, so no "
            f"threshold gives {roles.prediction}: leave --prediction out, which takes {THRESHOLD}"
        )
    return THRESHOLD if low <= THRESHOLD < high else low


def _is_positive(rows: Rows, name: str, option: str, positive: str) -> Floats:
    """1 where the column has the positive value, 0 where another, NaN where none."""
    match _present(rows, name, option):
        case Nothing():
            return np.full(len(rows), np.nan)
        case Numbers(values):
            _check_two(rows, name, [f"{value:g}" for value in np.unique(values[~np.isnan(values)])], positive)
            hit = values == (float(positive) if _is_number(positive) else np.nan)
            return np.where(np.isnan(values), np.nan, hit.astype(np.float64))
        case Texts(codes, values):
            positive = "true" if positive == "1" and set(values) <= {"true", "false"} else positive
            _check_two(rows, name, values, positive)
            hit = np.array([value == positive for value in values])[codes]
            return np.where(codes == MISSING_CODE, np.nan, hit.astype(np.float64))
        case _:
            raise CannotReplay(f"{rows.source}: {name} ({option}) holds times, not classes")


def _check_two(rows: Rows, name: str, values: Sequence[str], positive: str) -> None:
    """Two classes, one of them the positive one; a single other one may be all that a file has."""
    if len(values) > 2 or (len(values) == 2 and positive not in values):
        shown = ", ".join(sorted(values)[:5])
        raise CannotReplay(
            f"{rows.source}: {name} has the values {shown}: name the one that means positive with "
            "--positive; a model of more than two classes cannot be replayed"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(rows: Rows, name: str, option: str) -> Numbers:
    column = _present(rows, name, option)
    if not isinstance(column, Numbers):
        raise CannotReplay(f"{rows.source}: {name} ({option}) does not hold numbers")
    return column


def _present(rows: Rows, name: str, option: str) -> Numbers | Texts | Times | Nothing:
    if name not in rows.columns:
        raise CannotReplay(
            f"{rows.source} has no column {name} ({option}); it has {', '.join(list(rows.columns)[:20])}"
        )
    return rows.columns[name]
