"""What a DriftMonitor and a canary would say, window by window, about rows a version is asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from flights.counting import SCORE, Counted, Places, Rows, Version, windows
from trimtab.stats.degradation import Metric, compare
from trimtab.stats.features import DriftLimits, judge_features
from trimtab.stats.persistence import Mark, Persistence, PersistenceRule, advance
from trimtab.stats.quality import judge_quality
from trimtab.stats.skew import LookLimits, SideTable, SkewOutcome, SkewTable, look_at_skew

WINDOWS, WINDOW_ROWS, CANARY_ROWS = 200, 600, 600
LIMITS = DriftLimits(fdr=0.01, floor=0.1)
# As deployment.yaml: alpha 0.05 over two metrics that abort, one analyze step.
LOOK = LookLimits(alpha=0.025, looks=1, samples=CANARY_ROWS, floor=0.1)
TWO_OF_THREE = PersistenceRule(raise_windows=2, of_windows=3)
MAX_QUALITY_INCREASE, MAX_LOG_LOSS_INCREASE = 0.1, 0.05


@dataclass
class Lived:
    """Findings over the windows, each judged for itself.

    `degraded`: log loss worse than the reference by more than is allowed and by 3 standard errors;
    `degradation_raised`: windows in which that alarm was raised, by 2 of 3.
    """

    windows: int = 0
    drifted: int = 0
    score_drifted: int = 0
    quality_broken: int = 0
    degraded: int = 0
    degradation_raised: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    furthest_two: Counter[str] = field(default_factory=Counter)
    psi_adjusted: dict[str, list[float]] = field(default_factory=dict)
    log_losses: list[float] = field(default_factory=list)

    @property
    def log_loss(self) -> str:
        """Mean and standard deviation over the windows."""
        return f"{np.mean(self.log_losses):.3f} ± {np.std(self.log_losses):.3f}"

    def mean_psi(self, feature: str) -> float:
        """Mean psiAdjusted over the windows."""
        return float(np.mean(self.psi_adjusted[feature]))


def live(version: Version, pool: Rows, seed: int = 1) -> Lived:
    """Judge windows drawn from a pool as the load generator draws them."""
    drawn = windows(len(pool), size=WINDOW_ROWS, count=WINDOWS, seed=seed)
    return judge(Counted(version, pool), drawn)


def judge(counted: Counted, drawn: Iterable[Places]) -> Lived:
    """Judge the given windows."""
    lived = Lived()
    reference, alarm = counted.realised_reference().log_loss, Persistence()
    for window in drawn:
        lived.windows += 1
        _judge_inputs(lived, counted, window)
        loss = counted.realised(window).log_loss
        lived.log_losses.append(loss.value)
        worse = compare(Metric.LOG_LOSS, loss, reference, MAX_LOG_LOSS_INCREASE).degraded
        alarm = advance(alarm, Mark.ABOVE if worse else Mark.CLEAR, TWO_OF_THREE)
        lived.degraded += worse
        lived.degradation_raised += alarm.raised
    return lived


def _judge_inputs(lived: Lived, counted: Counted, window: Places) -> None:
    drift = judge_features(counted.tables(window), LIMITS)
    names = [feature.feature for feature in drift.drifted]
    lived.drifted += bool(names)
    lived.flagged.update(names)
    lived.furthest_two.update(names[:2])
    for feature in drift.features:
        lived.psi_adjusted.setdefault(feature.feature, []).append(feature.psi_adjusted or 0.0)
    lived.score_drifted += bool(judge_features([counted.score_table(window)], LIMITS).drifted)
    lived.quality_broken += bool(judge_quality(counted.quality(window, MAX_QUALITY_INCREASE)).broken)


@dataclass
class Looks:
    """Findings over repeated canary looks. `exactly` counts looks by the set of skewed features.

    `score`: looks in which the score was skewed too, `score_alone`: those without a skewed feature.
    """

    exactly: Counter[tuple[str, ...]] = field(default_factory=Counter)
    score: int = 0
    score_alone: int = 0
    psi_adjusted: dict[str, list[float]] = field(default_factory=dict)

    def mean_psi(self, feature: str) -> float:
        """Mean psiAdjusted of the candidate over the looks."""
        return float(np.mean(self.psi_adjusted[feature]))


def look(candidate: Version, stable: Version, pool: Rows, *, count: int = WINDOWS, seed: int = 1) -> Looks:
    """trainServeSkew on 600 rows each, answered by candidate and stable in the same window."""
    ours, theirs, looks = Counted(candidate, pool), Counted(stable, pool), Looks()
    for window in windows(len(pool), size=2 * CANARY_ROWS, count=count, seed=seed):
        here, there = _all_sides(ours, window[:CANARY_ROWS]), _all_sides(theirs, window[CANARY_ROWS:])
        result = look_at_skew([SkewTable(name, here[name], there[name]) for name in here], LOOK)
        skewed = {one.feature for one in result.features if one.outcome is SkewOutcome.SKEWED}
        looks.exactly[tuple(sorted(skewed - {SCORE}))] += 1
        looks.score += SCORE in skewed
        looks.score_alone += skewed == {SCORE}
        for one in result.features:
            looks.psi_adjusted.setdefault(one.feature, []).append(one.psi_adjusted)
    return looks


def _all_sides(counted: Counted, window: Places) -> dict[str, SideTable]:
    """The features, and the score in its groups."""
    score = counted.score_table(window)
    return {**counted.sides(window), SCORE: SideTable(score.reference, score.current)}
