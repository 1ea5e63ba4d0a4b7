"""The year in a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from trimtab.replay.run import Replay, Result

TEMPERATURE = "temp"


def year_picture(done: Replay) -> str:
    """psiAdjusted of the temperature, AUC and log loss, estimated and realised; an SVG element."""
    results = [result for result in done.results if result.judged.window.rows]
    days = np.array([result.judged.chunk.start.date() for result in results], dtype="datetime64[D]")
    figure = Figure(figsize=(9, 7), layout="constrained")
    far, auc, loss = figure.subplots(3, 1, sharex=True)
    far.semilogy(days, [_distance(result) for result in results], color="tab:red", label="temp")
    far.axhline(0.05, color="grey", ls=":", lw=0.8, label="floor")
    far.set_ylabel("psiAdjusted")
    far.legend(fontsize="small")
    for axes, metric in ((auc, "auc"), (loss, "logLoss")):
        _performance(axes, results, days, metric)
        axes.axhline(_of_reference(done, metric), color="grey", ls=":", lw=0.8, label="reference")
        axes.set_ylabel("AUC" if metric == "auc" else "log loss")
        axes.legend(fontsize="small")
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "flights"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _performance(
    axes: mpl.axes.Axes, results: Sequence[Result], days: npt.NDArray[np.datetime64], metric: str
) -> None:
    estimated = [result.performance.estimated.get(metric) for result in results]
    values = np.array([np.nan if one is None or one.value is None else one.value for one in estimated])
    errors = np.array([0.0 if one is None else 2 * one.standard_error for one in estimated])
    truth = [result.performance.realised.get(metric) for result in results]
    axes.plot(days, values, color="tab:blue", label="estimated without labels, 2 s.e.")
    axes.fill_between(days, values - errors, values + errors, color="tab:blue", alpha=0.2)
    axes.plot(days, [np.nan if one is None else one for one in truth], "k.-", lw=0.8, label="realised")


def _distance(result: Result) -> float:
    found = [f.psi_adjusted for f in result.judged.features if f.feature == TEMPERATURE]
    return max(1e-3, found[0] or 0.0)


def _of_reference(done: Replay, metric: str) -> float:
    return done.reference.profile.performance[metric]
