"""A recorded rollout as SVG: weights and what clients met, verdicts, and the lines of its history."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from tests.simulations.pictures import BLUE, GREEN, GREY, ORANGE, RED, STYLE
from tests.timeline.recording import Entry, Recording, Sample

WINDOW = 4
"""Samples over which the share that clients met is counted."""
COLOURS = {
    **{"Pass": GREEN, "Fail": RED, "Inconclusive": ORANGE, "NoData": GREY, "ProviderError": "#8e44ad"},
    **{"Ready": GREEN, "Progressing": BLUE, "Paused": ORANGE, "Aborting": RED, "Aborted": RED},
}
LEFT_OUT = ("RevisionFrozen",)
"""Lines that say nothing of traffic."""


def draw(recording: Recording, path: Path) -> None:
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure, (weights, errors, states) = plt.subplots(
            3, 1, sharex=True, figsize=(10, 6.4), layout="constrained", height_ratios=(5, 2, 1.3)
        )
        _weights(weights, recording.samples)
        _errors(errors, recording.samples)
        _states(states, recording.samples)
        _history(weights, (errors, states), recording.history)
        figure.legend(loc="outside lower center", ncols=4, fontsize=9)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _weights(axes: Axes, samples: Sequence[Sample]) -> None:
    at = [sample.seconds for sample in samples]
    wanted, applied = ([_or_gap(w) for w in weights] for weights in zip(*map(_weight, samples), strict=True))
    axes.step(at, wanted, where="post", color=GREY, lw=4, alpha=0.4, label="desired")
    axes.step(at, applied, where="post", color=BLUE, label="applied")
    met = list(_share(samples))
    axes.plot([x for x, _ in met], [y for _, y in met], ".", color=ORANGE, ms=4, label="met by clients")
    axes.set(ylabel="candidate's weight, %", xlim=(0, at[-1]), ylim=(-3, 75))


def _weight(sample: Sample) -> tuple[int | None, int | None]:
    return sample.desired, sample.applied


def _or_gap(weight: int | None) -> float:
    """Without a candidate there is no line."""
    return math.nan if weight is None else weight


def _share(samples: Sequence[Sample]) -> Iterator[tuple[float, float]]:
    """The candidate's part of the connections of the last two seconds, while it is the same candidate."""
    for before, now in zip(samples, samples[WINDOW:], strict=False):
        everybody, theirs = (b - a for a, b in zip(before.connections, now.connections, strict=True))
        if before.desired is not None and now.desired is not None and everybody > 0 and theirs >= 0:
            yield now.seconds, 100 * theirs / everybody


def _errors(axes: Axes, samples: Sequence[Sample]) -> None:
    pairs = list(pairwise(samples))
    rates = [max(0, b.errors[0] - a.errors[0]) / (b.seconds - a.seconds) for a, b in pairs]
    axes.fill_between([b.seconds for _, b in pairs], rates, step="pre", color=RED, alpha=0.6)
    axes.set(ylabel="errors/s")


def _states(axes: Axes, samples: Sequence[Sample]) -> None:
    """A bar of phases, and one of verdicts."""
    _bar(axes, 1, samples, lambda sample: sample.phase)
    _bar(axes, 0, samples, lambda sample: sample.verdict)
    axes.set(xlabel="seconds", yticks=(0, 1), yticklabels=("errorRate", "phase"), ylim=(-0.5, 1.5))
    axes.grid(visible=False)


def _bar(axes: Axes, row: int, samples: Sequence[Sample], state_of: Callable[[Sample], str]) -> None:
    for state, members in groupby(samples, state_of):
        run = list(members)
        begin, length = run[0].seconds, run[-1].seconds + 0.5 - run[0].seconds
        if not state:
            continue
        axes.barh(row, length, left=begin, height=0.8, color=COLOURS[state], alpha=0.6)
        if length > 0.9 * len(state):
            axes.text(begin + length / 2, row, state, ha="center", va="center", fontsize=8)


def _history(top: Axes, below: Sequence[Axes], history: Sequence[Entry]) -> None:
    """A line where something was written that is not undone, named above."""
    shown = [entry for entry in history if entry.reason not in LEFT_OUT]
    for number, entry in enumerate(shown):
        at = entry.seconds + 0.5  # the middle of the second that status names
        for axes in (top, *below):
            axes.axvline(at, color="black", lw=0.7, ls=":")
        close = number > 0 and entry.seconds - shown[number - 1].seconds < 2
        top.text(at, 79 if close else 74, f" {_name(entry)}", va="bottom", fontsize=8)


def _name(entry: Entry) -> str:
    return entry.message.split(":")[0] if entry.reason == "WeightApplied" else entry.reason
