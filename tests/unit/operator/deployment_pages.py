"""Pages of model servers by their counts, and rounds of them."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.operator.samples import NOW, digest

from trimtab.apis.v1alpha1.analysis import Analysis
from trimtab.deployment.evidence import Evidence, ScrapeRound, advance
from trimtab.deployment.pod_counters import SideName, Unit
from trimtab_runtime.contract.page import PageReader, ServerPage
from trimtab_runtime.contract.serving import LIVE, PageShape
from trimtab_runtime.server.counters import Counters

MODEL = digest("1")
ERRORS = Analysis.model_validate({"metrics": [{"name": "errors", "preset": "errorRate"}]})
Pages = dict[str, tuple[SideName, ServerPage]]


def page(
    connections: int = 0,
    *,
    errors: int = 0,
    refused: int = 0,
    seconds: float = 0.004,
    began: float = 1.0,
    requests: int = 1,
) -> ServerPage:
    """A server that began then and has had these connections, each with so many requests that took so long;
    on one with an error, each request failed."""
    counters = Counters(PageShape(MODEL, ()), None, (), profile_digest="", start_time_seconds=began)
    for number in range(connections):
        counters.connection(LIVE)
        status = 500 if number < errors else 400 if number < errors + refused else 200
        if status == 500:
            counters.error_connection(LIVE)
        for _ in range(requests):
            counters.answered(LIVE, status, seconds)
    return PageReader(MODEL).read(counters.page())


class Rounds:
    """Scrapes, five seconds apart, and the evidence that they make."""

    def __init__(self, analysis: Analysis = ERRORS, unit: Unit = "connection") -> None:
        self.unit = unit
        self.evidence = Evidence("turn", NOW)
        self._analysis = analysis
        self._number = 0
        self._previous: dict[str, ServerPage] = {}

    def scrape(self, *, vanished: tuple[str, ...] = (), **pages: ServerPage) -> Evidence:
        """Pods by uid; those of the candidate begin with a c."""
        self._number += 1
        sides: Pages = {u: ("candidate" if u.startswith("c") else "stable", p) for u, p in pages.items()}
        at = NOW + timedelta(seconds=5 * self._number)
        round_ = ScrapeRound(at, sides, {}, frozenset(vanished))
        self.evidence = advance(self.evidence, round_, self._previous, self._analysis, self.unit)
        self._previous = dict(pages)
        return self.evidence
