"""The pictures of docs/analysis.md, as SVG that changes only when what it shows does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from tests.simulations import traffic
from tests.simulations.checkers import Checker
from tests.simulations.detection import NOTHING, OURS, RATIOS, Cost
from tests.simulations.false_alarms import ALPHA, LOOKS, SCENARIOS, SECONDS, given_up_by
from tests.simulations.sequential import first_look, log_e_fail
from tests.simulations.traffic import Traffic

AS_DOCUMENTED = {
    "every 5 min, failureLimit 3 (docs of Argo Rollouts)": Checker(300, 4, "limit"),
    "every minute, threshold 5 (docs of Flagger)": Checker(60, 5, "limit"),
}
"""The shape of the example in each tool's documentation, with a limit tuned as everywhere here."""
BLUE, ORANGE, GREY, GREEN, RED = "#1f77b4", "#e67e22", "#7f8c8d", "#2e8b57", "#c0392b"
STYLE = {
    "svg.hashsalt": "trimtab",
    "svg.fonttype": "path",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "figure.figsize": (8, 4.6),
    "legend.frameon": False,
}


def draw(folder: Path, found: Mapping[str | Checker, Mapping[float, Cost]], *, runs: int, seed: int) -> None:
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        save(folder / "analysis-evidence.svg", lambda axes: _evidence(axes, seed))
        save(folder / "analysis-false-alarms.svg", lambda axes: _false_alarms(axes, runs, seed))
        save(folder / "analysis-bad-requests.svg", lambda axes: _bad_requests(axes, found))


def save(path: Path, fill: Callable[[Axes], None]) -> None:
    figure, axes = plt.subplots(layout="constrained")
    fill(axes)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _evidence(axes: Axes, seed: int) -> None:
    """E of single rollouts, one look per second."""
    generator = np.random.default_rng(seed)
    candidates = ((0.01, GREEN, "as stable"), (0.03, ORANGE, "3 times stable's"), (0.10, RED, "10 times"))
    for rate, colour, name in candidates:
        for run in range(3):
            counts = traffic.independent(Traffic(100, 0.2, 0.01, rate), 1, 120, generator)
            log_e = log_e_fail(counts, 1.0)
            decided = int(first_look(log_e, ALPHA)[0])
            end = decided + 1 if decided >= 0 else None
            requests = np.cumsum(counts.candidate_trials[0])[:end]
            label = f"candidate's error rate: {name}" if not run else None
            axes.plot(requests, log_e[0][:end] / np.log(10), color=colour, linewidth=1.2, label=label)
            if end:
                axes.plot(requests[-1], log_e[0][end - 1] / np.log(10), "o", color=colour)
    axes.axhline(-np.log10(ALPHA), color="black", linestyle="--", linewidth=1)
    axes.annotate("E = 1 / alpha = 20: given up", (1_500, -np.log10(ALPHA) + 0.08))
    axes.set(
        xlabel="requests that the candidate has answered",
        ylabel="E, the evidence that it is worse",
        yticks=range(-2, 4),
        yticklabels=["0.01", "0.1", "1", "10", "100", "1,000"],
        title="Nine rollouts at weight 20; stable fails 1 % of its requests",
    )


def _false_alarms(axes: Axes, runs: int, seed: int) -> None:
    """A version against itself: how many are given up by then, by two tests at three schedules of looks."""
    styles = dict(zip(LOOKS, ("-", "--", ":"), strict=True))
    for classical, colour, name in (
        (True, RED, "classical test at 5 %"),
        (False, BLUE, "Trimtab, alpha 5 %"),
    ):
        for seconds in LOOKS:
            share = given_up_by(SCENARIOS[0], runs // 2, seed, seconds, classical=classical)
            at = np.arange(seconds, SECONDS + 1, seconds)
            label = f"{name}, a look every {seconds} s"
            axes.plot(at, 100 * share, styles[seconds], color=colour, linewidth=1.5, label=label)
    axes.axhline(100 * ALPHA, color="black", linewidth=1)
    axes.annotate("alpha", (SECONDS * 0.96, 100 * ALPHA + 1))
    axes.set(
        xlabel="seconds since the start",
        ylabel="given up so far, %",
        xlim=(0, SECONDS),
        ylim=(0, None),
        title="The same version on both sides: every rollout that is given up is a false alarm",
    )


def _bad_requests(axes: Axes, found: Mapping[str | Checker, Mapping[float, Cost]]) -> None:
    """Errors that users saw of the candidate, against how bad it is."""
    ratios = RATIOS[NOTHING]
    checkers = [row for name, row in found.items() if isinstance(name, Checker)]
    best = [min(row[ratio].errors for row in checkers) for ratio in ratios]
    lines = {
        OURS: ([found[OURS][ratio].errors for ratio in ratios], BLUE, "o-"),
        "the check at intervals that suits each ratio best": (best, GREY, "s--"),
    }
    for (name, checker), colour in zip(AS_DOCUMENTED.items(), (ORANGE, RED), strict=True):
        lines[name] = ([found[checker][ratio].errors for ratio in ratios], colour, "^:")
    for name, (errors, colour, style) in lines.items():
        axes.plot(ratios, errors, style, color=colour, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xticks=ratios,
        xticklabels=[f"{ratio:g}" for ratio in ratios],
        yticks=(10, 30, 100, 300, 1000),
        yticklabels=("10", "30", "100", "300", "1,000"),
        xlabel="the candidate's error rate over stable's",
        ylabel="errors served until it is given up (mean)",
        title="What a broken candidate costs, at a false-alarm rate of at most 5 %",
    )
    axes.minorticks_off()
