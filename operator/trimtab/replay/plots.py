"""The pictures of a replay, as SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trimtab.replay.printed import label
from trimtab.replay.run import Replay, Result
from trimtab.stats.estimated import AUC
from trimtab.stats.verdicts import DriftVerdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_FEATURES = 40
_TICKS = 12
_WIDTH_INCHES = 9.0
_MISSING = "#dddddd"


def drift_map(replay: Replay) -> str:
    """psiAdjusted of each feature in each window, furthest feature on top; a dot where it is Drifted."""
    names = _furthest_first(replay.results)[:MAX_FEATURES]
    values = np.full((len(names), len(replay.results)), np.nan)
    drifted: list[tuple[int, int]] = []
    rank = {name: place for place, name in enumerate(names)}
    for column, result in enumerate(replay.results):
        for feature in result.judged.features:
            if feature.feature in rank and feature.psi_adjusted is not None:
                row = rank[feature.feature]
                values[row, column] = max(0.0, feature.psi_adjusted)
                drifted += [(column, row)] if feature.verdict is DriftVerdict.DRIFTED else []
    figure = _figure(1.2 + 0.28 * len(names))
    axes = figure.add_subplot()
    axes.set_facecolor(_MISSING)
    floor = replay.spec.signals.feature_drift
    top = 4 * float(floor.floor) if floor else 0.2
    image = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0, vmax=top, interpolation="nearest")
    axes.plot(
        [x for x, _ in drifted], [y for _, y in drifted], "o", color="white", ms=4, mec="black", mew=0.6
    )
    axes.set_yticks(range(len(names)), names)
    _windows(axes, replay.results)
    figure.colorbar(image, ax=axes, label="psiAdjusted (nats)", extend="max")
    return _svg(figure)


def performance(replay: Replay) -> str:
    """AUC of each window: estimated with two standard errors, and realised; empty without either."""
    estimated = [result.performance.estimated.get(AUC) for result in replay.results]
    values = [np.nan if e is None or e.value is None else e.value for e in estimated]
    errors = [0.0 if e is None else 2 * e.standard_error for e in estimated]
    realised = [result.performance.realised.get(AUC) for result in replay.results]
    truth = [np.nan if value is None else value for value in realised]
    if np.isnan(values).all() and np.isnan(truth).all():
        return ""
    figure = _figure(3.0)
    axes = figure.add_subplot()
    places = np.arange(len(values))
    axes.errorbar(places, values, yerr=errors, fmt="o-", ms=4, lw=1, capsize=2, label="estimated, 2 s.e.")
    axes.plot(places, truth, "s--", ms=4, lw=1, color="black", label="realised")
    reference = replay.reference.profile.performance.get(AUC)
    if reference is not None:
        axes.axhline(reference, color="grey", lw=0.8, ls=":", label="reference")
    axes.set_ylabel("AUC")
    axes.legend(fontsize="small")
    _windows(axes, replay.results)
    return _svg(figure)


def _furthest_first(results: Sequence[Result]) -> list[str]:
    furthest: dict[str, float] = {}
    for result in results:
        for feature in result.judged.features:
            value = feature.psi_adjusted if feature.psi_adjusted is not None else -np.inf
            furthest[feature.feature] = max(value, furthest.get(feature.feature, -np.inf))
    return sorted(furthest, key=lambda name: (-furthest[name], name))


def _windows(axes: Axes, results: Sequence[Result]) -> None:
    step = max(1, -(-len(results) // _TICKS))
    places = range(0, len(results), step)
    names = [label(results[place], place) for place in places]
    axes.set_xticks(list(places), names, rotation=45, ha="right", fontsize="small")
    axes.set_xlabel("window")


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")


def _svg(figure: Figure) -> str:
    """The element alone, its letters as letters: no font is embedded, and it can be searched."""
    import matplotlib as mpl

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "trimtab"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
