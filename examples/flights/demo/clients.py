"""The world outside: clients that send rows of a season at a steady rate, and return labels."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.processes import wait_until
from tests.load.control import Control
from tests.load.process import LABEL_DELAY_SECONDS, generator, socket_of

from flights.data import csv_bytes, select
from flights.demo.ground import FOLDER
from flights.demo.learn import year
from flights.demo.report import DidNotHappen, Report

RATE_PER_SECOND = 40


@dataclass(frozen=True)
class Clients:
    """The running load generator of the story."""

    report: Report
    control: Control
    pools: Mapping[str, Path]

    def live_in(self, season: str) -> None:
        """From now on, rows of that season."""
        self.control.switch(self.pools[season])
        self.control.mark(f"living in {season}")
        self.report.say(f"clients draw uniformly from the traffic rows of {season}")

    def none_failed(self, phase: str) -> None:
        """Tell the numbers so far and begin a new phase; raises if any request has failed."""
        summary = self.control.summary()
        self.report.say(_line(summary))
        self.control.mark(phase)
        if summary["total"]["failed"]:
            raise DidNotHappen(f"requests failed: {summary['firstFailures'][:3]}")


@contextmanager
def clients(
    report: Report, url: str, model: str, *, seasons: Iterable[str], split_seed: int, seed: int
) -> Iterator[Clients]:
    """Winter's clients, until the block ends. What they sent is in the report, whatever happens."""
    pools = {season: write_pool(season, split_seed) for season in seasons}
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        load = generator(url, model, pools["winter"], folder, rate=RATE_PER_SECOND, seed=seed)
        with load as process:
            wait_until(socket_of(folder).exists, 60, "the load generator to listen")
            report.say(
                f"clients send {RATE_PER_SECOND} requests per second to {url}, each on a new connection, "
                f"drawn uniformly from winter's traffic rows; labels come back {LABEL_DELAY_SECONDS} s later"
            )
            with Control(socket_of(folder)) as control:
                try:
                    yield Clients(report, control, pools)
                finally:
                    report.facts["requests"] = control.summary()
                    control.stop()
            process.wait(60)


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
