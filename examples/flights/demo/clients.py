"""The world outside: clients that send rows of a season at a steady rate, and return labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load.process import Traffic, traffic

from flights.data import csv_bytes, select
from flights.demo.ground import FOLDER
from flights.demo.learn import year
from flights.demo.report import DidNotHappen, Report

RATE_PER_SECOND = 40


@dataclass(frozen=True)
class Clients:
    """The running load generator of the story."""

    report: Report
    traffic: Traffic
    pools: Mapping[str, Path]

    def live_in(self, season: str) -> None:
        """From now on, rows of that season."""
        self.traffic.switch(self.pools[season])
        self.traffic.mark(f"living in {season}")
        self.report.say(f"clients draw uniformly from the traffic rows of {season}")

    def none_failed(self, phase: str) -> None:
        """Tell the numbers so far and begin a new phase; raises if any request has failed."""
        summary = self.traffic.summary()
        self.report.say(_line(summary))
        self.traffic.mark(phase)
        if summary["total"]["failed"]:
            raise DidNotHappen(f"requests failed: {summary['firstFailures'][:3]}")


@contextmanager
def clients(
    report: Report, url: str, model: str, *, seasons: Iterable[str], split_seed: int, seed: int
) -> Iterator[Clients]:
    """Winter's clients, until the block ends. What they sent is in the report, whatever happens."""
    pools = {season: write_pool(season, split_seed) for season in seasons}
    with traffic(url, model, pools["winter"], rate=RATE_PER_SECOND, seed=seed) as (running, _):
        report.say(
            f"clients send {RATE_PER_SECOND} requests per second to {url}, a new connection for each, drawn "
            "uniformly from the traffic rows of winter, and return labels after a few seconds"
        )
        try:
            yield Clients(report, running, pools)
        finally:
            report.facts["requests"] = running.summary()


def write_pool(season: str, split_seed: int, folder: Path = FOLDER / "pools") -> Path:
    """The traffic rows of a season as CSV."""
    path = folder / f"{season}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(csv_bytes(select(year(), season, "traffic", split_seed)))
    return path


def _line(summary: Mapping[str, Any]) -> str:
    """Sent, failed, labels, latency, passes through the pools."""
    total = summary["total"]
    drawn = ", ".join(
        f"{pool['name']} {pool['drawn']} rows drawn of {pool['rows']} (pass {pool['passes']})"
        for pool in summary["pools"]
    )
    latency = total["latencyMilliseconds"]
    return (
        f"{total['sent']} requests sent, {total['failed']} failed, "
        f"{summary['labels'].get('accepted', 0)} labels accepted; "
        f"p50 {latency.get('p50')} ms, p99 {latency.get('p99')} ms; {drawn}"
    )
