"""How often a drift monitor alarms when nothing drifted, and how often it sees what did.

Rows are of 50 features in the 20 buckets that the reference's own quantiles cut, as a profile has them. A
window is judged by the operator's function and kept by its persistence; an alarm is a feature that is raised.
Windows of one reference share its luck, so intervals treat a reference as the unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from trimtab.stats.features import DriftLimits, FeatureTable, judge_features, mark_of
from trimtab.stats.persistence import Persistence, PersistenceRule, advance
from trimtab.stats.verdicts import DriftVerdict

FEATURES, BUCKETS, REFERENCE_ROWS = 50, 20, 10_000
SHIFTED = 5
CONFIDENCE = 0.95
ORDER = tuple(range(BUCKETS))
_NAMES = [f"f{number:02d}" for number in range(FEATURES)]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Draw = Callable[[Floats, int, int, np.random.Generator], Iterator[Counts]]
"""Ends of the buckets (features x 19), windows, rows of each, luck -> counts (features x 20), one by one."""


@dataclass(frozen=True)
class Alarms:
    """By reference: windows in which any feature was Drifted by itself, and in which a new one was raised."""

    drifted: Counts
    raised: Counts
    windows_each: int

    @property
    def windows(self) -> int:
        return self.windows_each * len(self.raised)

    @property
    def drifted_share(self) -> float:
        return float(self.drifted.sum() / self.windows)

    @property
    def raised_share(self) -> float:
        return float(self.raised.sum() / self.windows)

    @property
    def raised_upper(self) -> float:
        """Upper 95 % bound of `raised_share`: by the spread over references, and never below the exact one
        of independent windows, which is what none at all leaves."""
        return max(self.raised_share + _half_width(self.raised / self.windows_each), _upper(self))

    @property
    def drifted_lower(self) -> float:
        """Lower 95 % bound of `drifted_share`, by the spread over references."""
        return self.drifted_share - _half_width(self.drifted / self.windows_each)


def simulate(
    draw: Draw, *, references: int, windows: int, rows: int, limits: DriftLimits, seed: int
) -> Alarms:
    found = [
        _watch(draw, windows, rows, limits, np.random.default_rng([seed, number]))
        for number in range(references)
    ]
    drifted, raised = (np.array(column) for column in zip(*found, strict=True))
    return Alarms(drifted, raised, windows)


def independent(shift: float = 0.0) -> Draw:
    """Normal features; `shift`, in standard deviations, is that of the first SHIFTED of them."""

    def draw(ends: Floats, windows: int, rows: int, luck: np.random.Generator) -> Iterator[Counts]:
        moved = np.where(np.arange(FEATURES) < SHIFTED, shift, 0.0)[:, None]
        below = stats.norm.cdf(ends - moved)
        shares = np.diff(below, axis=1, prepend=0.0, append=1.0)
        for _ in range(windows):
            yield luck.multinomial(rows, shares)

    return draw


def correlated(correlation: float) -> Draw:
    """Normal features with one common factor: any two of them have this correlation."""

    def draw(ends: Floats, windows: int, rows: int, luck: np.random.Generator) -> Iterator[Counts]:
        for _ in range(windows):
            common = luck.standard_normal(rows)
            values = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * luck.standard_normal(
                (FEATURES, rows)
            )
            yield np.array(
                [
                    np.bincount(np.searchsorted(of, seen), minlength=BUCKETS)
                    for of, seen in zip(ends, values, strict=True)
                ]
            )

    return draw


def _watch(
    draw: Draw, windows: int, rows: int, limits: DriftLimits, luck: np.random.Generator
) -> tuple[int, int]:
    """Windows with a Drifted feature, and newly raised features, of one monitor with one reference."""
    # The shares between neighbouring quantiles of a sample: uniform spacings (Renyi, 1953).
    share = REFERENCE_ROWS / BUCKETS
    ends = stats.norm.ppf(np.cumsum(luck.dirichlet([share] * BUCKETS, FEATURES), axis=1)[:, :-1])
    reference = [round(share)] * BUCKETS
    rule = PersistenceRule(raise_level=limits.floor, clear_level=min(0.03, limits.floor))
    states = [Persistence()] * FEATURES
    drifted = raised = 0
    for counts in draw(ends, windows, rows, luck):
        tables = [
            FeatureTable(name, reference, of, ORDER) for name, of in zip(_NAMES, counts.tolist(), strict=True)
        ]
        judged = judge_features(tables, limits)
        drifted += judged.verdict is DriftVerdict.DRIFTED
        marks = [mark_of(feature, limits, rule) for feature in judged.features]
        after = [advance(state, mark, rule) for state, mark in zip(states, marks, strict=True)]
        raised += any(now.raised and not was.raised for now, was in zip(after, states, strict=True))
        states = after
    return drifted, raised


def _half_width(shares: Floats) -> float:
    """Of a one-sided 95 % interval of their mean."""
    if len(shares) < 2:
        return math.inf
    return float(stats.t.ppf(CONFIDENCE, len(shares) - 1) * shares.std(ddof=1) / math.sqrt(len(shares)))


def _upper(found: Alarms) -> float:
    """Clopper and Pearson, 1934."""
    count = int(found.raised.sum())
    return float(stats.beta.ppf(CONFIDENCE, count + 1, found.windows - count))
