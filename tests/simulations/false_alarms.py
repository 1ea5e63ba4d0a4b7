"""How often a sound candidate is given up, at several schedules of looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats
from tests.simulations import traffic
from tests.simulations.sequential import first_look, log_e_fail
from tests.simulations.traffic import Counts, Traffic

ALPHA = 0.05
SECONDS = 300
LOOKS = (1, 10, 60)
"""Seconds between two looks. Evidence of a look is what was counted since the last one, as with scrapes."""
CHUNK = 2_000
"""Runs at a time: what fits into the processor's cache is several times as fast."""

_GROWING = np.repeat([0.05, 0.2, 0.5, 0.67], [70, 80, 80, 70])
_WORSE_IN_A_STEP = np.repeat([0.01, 0.05], [190, 110])
_WORSE_WITH_A_STEP = np.repeat([0.01, 0.05], [150, 150])
_BAD_SECONDS = np.where(np.arange(SECONDS) % 37 < 3, 0.3, 0.005)

Make = Callable[[int, np.random.Generator], Counts]


@dataclass(frozen=True)
class Scenario:
    """`max_ratio`: what the spec tolerates, 1 = nothing. `holds`: the schedules at which alpha is kept."""

    name: str
    make: Make
    max_ratio: float = 1.0
    holds: tuple[int, ...] = LOOKS


def _independent(made: Traffic, runs: int, generator: np.random.Generator) -> Counts:
    return traffic.independent(made, runs, SECONDS, generator)


def _bursts(runs: int, generator: np.random.Generator) -> traffic.Bursts:
    return traffic.in_connections(SAME, runs, SECONDS, generator, requests=20, bad=0.8)


def _copied(runs: int, generator: np.random.Generator, *, shared: float) -> Counts:
    return traffic.copied(SAME, runs, SECONDS, generator, shared=shared)


def _hiccups(runs: int, generator: np.random.Generator) -> Counts:
    return traffic.with_hiccups(SAME, runs, SECONDS, generator, pods=(4, 1), every=600)


SAME = Traffic(rate=100, share=0.2, stable=0.01, candidate=0.01)
SCENARIOS = (
    Scenario("the same version, nothing tolerated", partial(_independent, SAME)),
    Scenario("the same version, default limits", partial(_independent, SAME), max_ratio=2),
    Scenario(
        "exactly twice stable's rate, default limits",
        partial(_independent, Traffic(100, 0.2, 0.01, 0.02)),
        max_ratio=2,
    ),
    Scenario(
        "weights 5, 20, 50, 67; both get five times as bad in a step",
        partial(_independent, Traffic(100, _GROWING, _WORSE_IN_A_STEP, _WORSE_IN_A_STEP)),
    ),
    Scenario(
        "weights 5, 20, 50, 67; both get five times as bad with a step",
        partial(_independent, Traffic(100, _GROWING, _WORSE_WITH_A_STEP, _WORSE_WITH_A_STEP)),
        holds=(1, 10),
    ),
    Scenario(
        "bad seconds that hit both versions",
        partial(_independent, Traffic(100, 0.2, _BAD_SECONDS, _BAD_SECONDS)),
    ),
    Scenario("copies of requests, errors of each side alone", partial(_copied, shared=0.0)),
    Scenario("copies of requests, errors that requests bring with them", partial(_copied, shared=1.0)),
    Scenario("bursts in a connection, counted by connection", lambda n, g: _bursts(n, g).by_connection),
    Scenario("bursts in a connection, counted by request", lambda n, g: _bursts(n, g).by_request, holds=()),
    Scenario("a pod is away for a second now and then", _hiccups, holds=()),
)


@dataclass(frozen=True)
class Rate:
    """Runs that were given up at any look."""

    given_up: int
    runs: int

    @property
    def share(self) -> float:
        return self.given_up / self.runs

    def upper(self, confidence: float = 0.99) -> float:
        """Upper end of the exact one-sided interval (Clopper and Pearson)."""
        return float(stats.beta.ppf(confidence, self.given_up + 1, self.runs - self.given_up))

    def lower(self, confidence: float = 0.99) -> float:
        """Lower end; 0 if no run was given up."""
        if not self.given_up:
            return 0.0
        return float(stats.beta.ppf(1 - confidence, self.given_up, self.runs - self.given_up + 1))


def simulate(scenario: Scenario, runs: int, seed: int) -> dict[int, Rate]:
    """Seconds between looks -> how many of the same runs were given up at any of them."""
    given_up = dict.fromkeys(LOOKS, 0)
    for counts in chunks(scenario.make, runs, seed):
        for seconds in LOOKS:
            log_e = log_e_fail(counts.every(seconds), scenario.max_ratio)
            given_up[seconds] += int((first_look(log_e, ALPHA) >= 0).sum())
    return {seconds: Rate(count, runs) for seconds, count in given_up.items()}


def chunks(make: Make, runs: int, seed: int) -> Iterator[Counts]:
    generator = np.random.default_rng(seed)
    for begin in range(0, runs, CHUNK):
        yield make(min(CHUNK, runs - begin), generator)


def given_up_by(scenario: Scenario, runs: int, seed: int, seconds: int, *, classical: bool) -> np.ndarray:
    """Share of runs given up at or before each look, by our test or by a classical one made at every look."""
    parts = chunks(scenario.make, runs, seed)
    decided = np.concatenate([_decided(counts.every(seconds), scenario, classical) for counts in parts])
    return np.array([np.mean((decided >= 0) & (decided <= look)) for look in range(SECONDS // seconds)])


def _decided(counts: Counts, scenario: Scenario, classical: bool) -> np.ndarray:
    if not classical:
        return first_look(log_e_fail(counts, scenario.max_ratio), ALPHA)
    return first_look(np.where(_z(counts) > stats.norm.ppf(1 - ALPHA), math.inf, -math.inf), ALPHA)


def _z(counts: Counts) -> np.ndarray:
    """The two-proportion z statistic of everything so far."""
    stable, candidate = np.cumsum(counts.stable_trials, axis=1), np.cumsum(counts.candidate_trials, axis=1)
    failed_stable = np.cumsum(counts.stable_errors, axis=1)
    failed = np.cumsum(counts.candidate_errors, axis=1)
    pooled = (failed + failed_stable) / np.maximum(stable + candidate, 1)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / np.maximum(stable, 1) + 1 / np.maximum(candidate, 1)))
    gap = failed / np.maximum(candidate, 1) - failed_stable / np.maximum(stable, 1)
    return np.divide(gap, spread, out=np.zeros(gap.shape), where=spread > 0)
