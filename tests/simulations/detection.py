"""What a broken candidate costs until it is given up: its errors, by our test and by checks at intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tests.simulations import traffic
from tests.simulations.checkers import Checker
from tests.simulations.false_alarms import ALPHA, chunks
from tests.simulations.sequential import first_look, log_e_fail
from tests.simulations.traffic import Counts, Traffic

SECONDS = 1_200
SCRAPE_SECONDS = 5
"""How often the operator looks by default."""
NOTHING, TWICE = 1.0, 2.0
"""Ratios that are tolerated: `maxRelativeIncrease` "0", and its default "1.0"."""
OURS = "Trimtab"
RATIOS = {NOTHING: (1.5, 2.0, 5.0, 10.0), TWICE: (3.0, 5.0, 10.0)}
"""How bad the candidates are, by what is tolerated."""
STABLE = 0.01
CHECKERS = tuple(
    Checker(interval, failures, against)
    for against in ("limit", "stable")
    for interval in (10, 30, 60, 300)
    for failures in (1, 2, 3, 4, 5)
    if failures <= SECONDS // interval
)


@dataclass(frozen=True)
class Cost:
    """Of one candidate, over runs: the share given up; means of what was served until then, or the end."""

    given_up: float
    requests: float
    errors: float


def costs(
    runs: int, tuning_runs: int, seed: int, tolerated: float = NOTHING
) -> dict[str | Checker, dict[float, Cost]]:
    """Our test and every checker on the same candidates, by how bad they are.

    All give up a candidate at the tolerated ratio in a share of at most alpha.
    """
    tuned = dict(_limits(tuning_runs, seed, tolerated))
    names: tuple[str | Checker, ...] = (OURS, *CHECKERS)
    found: dict[str | Checker, dict[float, Cost]] = {name: {} for name in names}
    for number, ratio in enumerate(RATIOS[tolerated], 1):
        counts = _candidate(ratio, runs, seed + number)
        looks = counts.every(SCRAPE_SECONDS)
        found[OURS][ratio] = _cost(looks, first_look(log_e_fail(looks, tolerated), ALPHA))
        for checker, limit in tuned.items():
            checked = checker.looks(counts, 1)
            found[checker][ratio] = _cost(checked, checker.first_look(checked, limit))
    return found


def false_alarms_when_worse(
    runs: int, tuning_runs: int, seed: int, factor: float
) -> dict[str | Checker, float]:
    """Share of sound candidates given up when both sides are `factor` times as bad as when it was tuned."""
    counts = _made(Traffic(100, 0.2, STABLE * factor, STABLE * factor), runs, seed + 1)
    looks = counts.every(SCRAPE_SECONDS)
    found: dict[str | Checker, float] = {OURS: float(np.mean(first_look(log_e_fail(looks, 1.0), ALPHA) >= 0))}
    for checker, limit in _limits(tuning_runs, seed, NOTHING):
        found[checker] = float(np.mean(checker.first_look(checker.looks(counts, 1), limit) >= 0))
    return found


def _limits(runs: int, seed: int, tolerated: float) -> list[tuple[Checker, float]]:
    sound = _candidate(tolerated, runs, seed)
    return [(checker, checker.tuned(sound, 1, ALPHA)) for checker in CHECKERS]


def _candidate(ratio: float, runs: int, seed: int) -> Counts:
    return _made(Traffic(100, 0.2, STABLE, STABLE * ratio), runs, seed)


def _made(made: Traffic, runs: int, seed: int) -> Counts:
    def make(part: int, generator: np.random.Generator) -> Counts:
        return traffic.independent(made, part, SECONDS, generator)

    parts = [tuple(vars(counts).values()) for counts in chunks(make, runs, seed)]
    return Counts(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _cost(looks: Counts, decided: np.ndarray) -> Cost:
    last = np.where(decided >= 0, decided, looks.candidate_trials.shape[1] - 1)
    rows = np.arange(len(last))
    return Cost(
        given_up=float(np.mean(decided >= 0)),
        requests=float(np.cumsum(looks.candidate_trials, axis=1)[rows, last].mean()),
        errors=float(np.cumsum(looks.candidate_errors, axis=1)[rows, last].mean()),
    )
