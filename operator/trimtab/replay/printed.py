"""A replay as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from trimtab.model.clock import format_time
from trimtab.replay.run import Replay, Result
from trimtab.stats.estimated import AUC
from trimtab.stats.verdicts import DriftVerdict

_STYLES = {"Drifted": "red", "Healthy": "green", "NoTraffic": "yellow", "InsufficientData": "yellow"}


def show(console: Console, replay: Replay) -> None:
    """A line per window, then what was not looked at."""
    table = Table(box=None, pad_edge=False)
    for name in ("window", "rows", "phase", "furthest", "AUC estimated", "realised", "decision"):
        table.add_column(name, justify="right" if name == "rows" else "left", no_wrap=True)
    for number, result in enumerate(replay.results):
        phase = result.judged.judgement.phase
        table.add_row(
            label(result, number),
            str(result.judged.window.rows),
            f"[{_STYLES[phase]}]{phase}[/]",
            _furthest(result),
            _estimated(result),
            _number(result.performance.realised.get(AUC)),
            _decision(result),
        )
    console.print(table)
    for line in notes(replay):
        console.print(line, markup=False)


def label(result: Result, number: int) -> str:
    """The begin of a window, without a time that is midnight, or its number."""
    start = format_time(result.judged.chunk.start)
    return start.removesuffix("T00:00:00Z") if result.judged.chunk.timed else str(number)


def notes(replay: Replay) -> Iterable[str]:
    """What must be known beside the numbers."""
    yield "furthest: the feature of the largest psiAdjusted. Every verdict assumes independent rows."
    if replay.estimator.off:
        yield f"No estimate of the performance: {replay.estimator.off}."
    yield from (f"Not looked at: {line}." for line in replay.skipped)


def _furthest(result: Result) -> str:
    """The feature of the largest psiAdjusted, and how many others are Drifted too."""
    known = [(f.psi_adjusted, f) for f in result.judged.features if f.psi_adjusted is not None]
    if not known:
        return "-"
    value, furthest = max(known, key=lambda pair: pair[0])
    others = sum(f.verdict is DriftVerdict.DRIFTED for _, f in known if f is not furthest)
    return f"{furthest.feature} {value:.3f}" + (f" and {others} more" if others else "")


def _estimated(result: Result) -> str:
    found = result.performance.estimated.get(AUC)
    if found is None or found.value is None:
        return "-"
    return f"{found.value:.3f} ± {2 * found.standard_error:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _decision(result: Result) -> str:
    found = result.judged.decision
    return "-" if found is None else f"{found.id} {found.action} {found.state}"
