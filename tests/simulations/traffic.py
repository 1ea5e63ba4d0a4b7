"""Simulated traffic of a canary: trials and errors of both sides, of many runs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """Runs x intervals. `trials` are requests or connections, `errors` those among them that failed."""

    stable_trials: Numbers
    stable_errors: Numbers
    candidate_trials: Numbers
    candidate_errors: Numbers

    def every(self, intervals: int) -> Counts:
        """The same traffic, counted at every n-th look only."""
        return Counts(*(_summed(numbers, intervals) for numbers in vars(self).values()))


def _summed(numbers: Numbers, intervals: int) -> Numbers:
    runs, length = numbers.shape
    kept = length // intervals * intervals
    total: Numbers = numbers[:, :kept].reshape(runs, -1, intervals).sum(axis=2)
    return total


@dataclass(frozen=True)
class Traffic:
    """Per second: requests of both sides together, the candidate's share of them, and the sides' error rates.

    Each is a number, or an array over the seconds (or runs x seconds).
    """

    rate: float
    share: float | Numbers
    stable: float | Numbers
    candidate: float | Numbers


def independent(traffic: Traffic, runs: int, seconds: int, generator: np.random.Generator) -> Counts:
    """Every request fails or not by itself."""
    sides = []
    for share, errors in _sides(traffic):
        trials = _arrivals(traffic.rate, share, runs, seconds, generator)
        sides += [trials, _failing(trials, errors, generator)]
    return _counts(sides)


def copied(
    traffic: Traffic, runs: int, seconds: int, generator: np.random.Generator, *, shared: float
) -> Counts:
    """The candidate gets copies of a share of stable's requests. ``shared``: the part of the errors that the
    request brings with it, which fails on both sides; the others happen on each side by itself."""
    trials = generator.poisson(traffic.rate, (runs, seconds))
    of_request = generator.binomial(trials, np.asarray(traffic.stable) * shared)
    copied_bad = generator.binomial(of_request, traffic.share)
    copies = copied_bad + generator.binomial(trials - of_request, traffic.share)
    own = np.asarray(traffic.stable) * (1 - shared)
    stable = of_request + generator.binomial(trials - of_request, own)
    candidate = copied_bad + generator.binomial(copies - copied_bad, own)
    return _counts([numbers.astype(np.float64) for numbers in (trials, stable, copies, candidate)])


@dataclass(frozen=True)
class Bursts:
    """The same traffic, counted by connection and by request."""

    by_connection: Counts
    by_request: Counts


def in_connections(
    traffic: Traffic, runs: int, seconds: int, generator: np.random.Generator, *, requests: int, bad: float
) -> Bursts:
    """Connections of `requests` requests each; of those that are broken a share `bad` of the requests fails.

    The error rates of the traffic are those of connections.
    """
    connections, single = [], []
    for share, errors in _sides(traffic):
        opened = _arrivals(traffic.rate / requests, share, runs, seconds, generator)
        broken = _failing(opened, errors, generator)
        failed = _failing(broken * requests, bad, generator)
        connections += [opened, broken]
        single += [opened * requests, failed]
    return Bursts(_counts(connections), _counts(single))


def with_hiccups(
    traffic: Traffic,
    runs: int,
    seconds: int,
    generator: np.random.Generator,
    *,
    pods: tuple[int, int],
    every: float,
) -> Counts:
    """Each pod fails all its requests for a second, once in `every` seconds.

    `pods`: how many stable has, and the candidate.
    """
    sides = []
    for count, (share, errors) in zip(pods, _sides(traffic), strict=True):
        trials = _arrivals(traffic.rate, share, runs, seconds, generator)
        failed = _failing(trials, errors, generator)
        away = generator.binomial(count, 1 / every, (runs, seconds)) / count
        sides += [trials, failed + _failing(trials - failed, away, generator)]
    return _counts(sides)


def _sides(traffic: Traffic) -> tuple[tuple[float | Numbers, float | Numbers], ...]:
    """Share and error rate of stable, and of the candidate."""
    return ((1 - traffic.share, traffic.stable), (traffic.share, traffic.candidate))


def _arrivals(
    rate: float, share: float | Numbers, runs: int, seconds: int, generator: np.random.Generator
) -> Numbers:
    return generator.poisson(rate * share, (runs, seconds)).astype(np.float64)


def _failing(trials: Numbers, errors: float | Numbers, generator: np.random.Generator) -> Numbers:
    return generator.binomial(trials.astype(np.int64), errors).astype(np.float64)


def _counts(sides: list[Numbers]) -> Counts:
    stable_trials, stable_errors, candidate_trials, candidate_errors = sides
    return Counts(stable_trials, stable_errors, candidate_trials, candidate_errors)
