"""A replay as one HTML file that needs nothing else to be read."""

from __future__ import annotations

from typing import Any

from trimtab.replay import plots
from trimtab.replay.document import document
from trimtab.replay.errors import CannotReplay
from trimtab.replay.printed import label, notes
from trimtab.replay.run import Replay


def page(replay: Replay) -> str:
    """Raises CannotReplay if the packages for it are not installed."""
    try:
        import jinja2

        pictures = plots.drift_map(replay), plots.performance(replay)
    except ImportError:
        raise CannotReplay("--output html needs more packages: pip install 'trimtab[replay]'") from None
    loader = jinja2.PackageLoader("trimtab.replay", "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number
    found: dict[str, Any] = document(replay)
    for window, result in zip(found["windows"], replay.results, strict=True):
        window["label"] = label(result, window["number"])
    return environment.get_template("report.html").render(
        replay=found,
        notes=list(notes(replay)),
        drift_map=pictures[0],
        performance=pictures[1],
    )


def _number(value: float | None) -> str:
    """Four significant digits."""
    return "–" if value is None else f"{value:.4g}"
