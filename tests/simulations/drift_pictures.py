"""The pictures of docs/drift.md."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from scipy import stats
from tests.simulations.alarms import BUCKETS, FEATURES, REFERENCE_ROWS
from tests.simulations.pictures import BLUE, GREEN, GREY, ORANGE, RED, STYLE, save

from trimtab.stats.chi2 import chi_square
from trimtab.stats.features import TESTS_OF_ORDERED
from trimtab.stats.trend import trend_p

FLOOR, FDR, SHIFT, DRAWS = 0.05, 0.01, 0.15, 400
ROWS = (200, 400, 700, 1_000, 1_400, 2_000, 3_000, 5_000)


def draw(folder: Path, seed: int) -> None:
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        save(folder / "drift-psi-noise.svg", _noise)
        save(folder / "drift-power.svg", lambda axes: _power(axes, seed))


def _noise(axes: Axes) -> None:
    """Without drift PSI is (1/n + 1/m) chi2(B - 1): its mean and where 95 % of windows lie."""
    rows = np.geomspace(100, 20_000, 200)
    scale, df = 1 / REFERENCE_ROWS + 1 / rows, BUCKETS - 1
    low, high = (scale * stats.chi2.ppf(at, df) for at in (0.025, 0.975))
    axes.fill_between(rows, low, high, color=ORANGE, alpha=0.25)
    axes.plot(rows, scale * df, color=ORANGE, label="psi of windows without drift, 95 % of them")
    axes.fill_between(rows, low - scale * df, high - scale * df, color=BLUE, alpha=0.25)
    axes.plot(rows, 0 * rows, color=BLUE, label="psiAdjusted of the same windows")
    axes.axhline(FLOOR, color=GREEN, ls="--", label="floor 0.05")
    axes.axhline(0.1, color=GREY, ls=":", label='0.1, "a moderate change" of the rule of thumb')
    axes.set(xscale="log", ylim=(-0.1, 0.35), xlabel="rows of the window", ylabel="nats")


def _power(axes: Axes, seed: int) -> None:
    """One feature of 50: how often each test is significant at what Benjamini and Hochberg ask of a first."""
    generator, level = np.random.default_rng(seed), FDR / FEATURES
    reference = [REFERENCE_ROWS // BUCKETS] * BUCKETS
    ends = stats.norm.ppf(np.arange(1, BUCKETS) / BUCKETS)
    shares = np.diff(stats.norm.cdf(ends - SHIFT), prepend=0.0, append=1.0)
    found = []
    for rows in ROWS:
        windows = generator.multinomial(rows, shares, size=DRAWS).tolist()
        general = np.array([chi_square(reference, window).p or 0.0 for window in windows])
        ordered = np.array([trend_p(reference, window) or 0.0 for window in windows])
        both = TESTS_OF_ORDERED * np.minimum(general, ordered)
        found.append([np.mean(p <= level) for p in (general, ordered, both)])
    general, ordered, both = np.transpose(found)
    axes.plot(ROWS, general, "o-", color=RED, label="chi-square")
    axes.plot(ROWS, ordered, "s:", color=GREY, label="rank test")
    axes.plot(ROWS, both, "o-", color=GREEN, label="both, at half of the level each")
    axes.set(xscale="log", ylim=(0, 1), xlabel="rows of the window", ylabel="windows in which it is seen")
    axes.set_xticks(ROWS, [f"{rows:,}" for rows in ROWS])
    axes.minorticks_off()
