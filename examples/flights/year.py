"""The year as a monitor of the winter model would have seen it: `trimtab replay` over all flights.

    python -m flights.year --write docs/flights.md --picture docs/images/flights-year.svg

By month, and in windows of 1, 2 and 7 days in order of time. Left out are the flights that the model was
learnt or evaluated on, so January and February have fewer rows.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import numpy as np

from flights.counting import Version, learn, rows_of
from flights.data import Variant, splits
from flights.pictures import year_picture
from flights.source import COLUMNS, FEATURES, LABEL, Flight, data_folder, read_flights
from trimtab.replay.chunks import Chunk
from trimtab.replay.counting import count
from trimtab.replay.judging import judge_all
from trimtab.replay.monitor import monitor_of
from trimtab.replay.performance import estimator_of
from trimtab.replay.reference import reference_of
from trimtab.replay.roles import Roles, times
from trimtab.replay.rows import Rows, read
from trimtab.replay.run import Asked, Replay, Result, replay

TIME, SCORE = "time", "score"
ROLES = Roles(timestamp=TIME, score=SCORE, label=LABEL)
LENGTHS = ("1d", "2d", "1w")
BEGIN, END = "<!-- year_table: begin -->", "<!-- year_table: end -->"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FURTHEST = 3


@dataclass(frozen=True)
class Files:
    """Reference rows of the winter model, and the rows that were flown beside what it learnt from."""

    reference: Path
    year: Path


def write_files(folder: Path, split_seed: int = 0) -> Files:
    """As a user would have them."""
    flights = read_flights(data_folder())
    cut = splits(flights, "winter", Variant(), split_seed)
    version = learn(cut["train"], cut["reference"])
    used = {flight.key for part in cut.values() for flight in part}
    left = [flight for flight in flights if flight.key not in used]
    files = Files(folder / "reference.csv", folder / "year.csv")
    _write(files.reference, version, cut["reference"])
    _write(files.year, version, left)
    return files


def _write(path: Path, version: Version, flights: Sequence[Flight]) -> None:
    scores = version.scores(rows_of(flights))
    places = [COLUMNS.index(name) for name in (*FEATURES, LABEL)]
    with path.open("w", newline="", encoding="utf-8") as lines:
        out = csv.writer(lines)
        out.writerow([TIME, SCORE, *FEATURES, LABEL])
        for flight, score in zip(flights, scores.tolist(), strict=True):
            values = [flight.values[place] for place in places]
            out.writerow([f"{flight.date.isoformat()}T00:00:00Z", f"{score:.6f}", *values])


def by_month(files: Files) -> list[Result]:
    """As `replay`, in windows that are no multiples of anything."""
    reference = reference_of(read(files.reference), ROLES)
    rows = read(files.year)
    counting, estimator = count(rows, ROLES, reference), estimator_of(reference)
    judged = judge_all(monitor_of(None, reference), reference.profile, counting, list(_months(rows)))
    return [Result(one, {}, {}, estimator.of(counting, one.chunk.places, exact=False)) for one in judged]


def _months(rows: Rows) -> Iterator[Chunk]:
    moments = times(rows, ROLES).astype("datetime64[s]")
    months = moments.astype("datetime64[M]")
    for month in np.unique(months):
        start, end = (edge.astype("datetime64[s]").astype(object) for edge in (month, month + 1))
        yield Chunk(start.replace(tzinfo=UTC), end.replace(tzinfo=UTC), np.flatnonzero(months == month), True)


def month_table(results: Sequence[Result]) -> Iterator[str]:
    """One row per month."""
    yield from _head(
        "Month | Rows | Furthest features (psiAdjusted) | AUC estimated | realised | Log loss estimated | "
        "realised | Decision that is open"
    )
    for name, result in zip(MONTHS, results, strict=True):
        decision = result.judged.decision
        said = f"{decision.action} {decision.id}" if decision else "none"
        cells = (
            name,
            f"{result.judged.window.rows:,}",
            _furthest(result),
            _estimated(result, "auc"),
            _realised(result, "auc"),
            _estimated(result, "logLoss"),
            _realised(result, "logLoss"),
            said,
        )
        yield f"| {' | '.join(cells)} |"


def length_table(replays: Sequence[Replay]) -> Iterator[str]:
    """One row per length of the windows."""
    yield from _head(
        "Windows | with rows | a feature off | log loss or AUC off | first Alert | Retrain asked for | "
        "realised AUC within 2 s.e. of the estimate | mean distance"
    )
    for length, done in zip(LENGTHS, replays, strict=True):
        full = [result for result in done.results if result.judged.window.rows]
        drift = sum(_signal(result, "FeatureDrift") == "Drifted" for result in full)
        worse = sum(_signal(result, "RealisedPerformance") == "Drifted" for result in full)
        gaps = [gap for result in full if (gap := _gap(result)) is not None]
        inside = sum(abs(distance) <= 2 * error for distance, error in gaps)
        cells = (
            f"{len(done.results)} of {length}",
            f"{len(full)}",
            f"{drift}",
            f"{worse}",
            _first(done.results, "Alert"),
            _begun(done.results, "Retrain"),
            f"{inside} of {len(gaps)}",
            f"{np.mean([abs(distance) for distance, _ in gaps]):.3f}",
        )
        yield f"| {' | '.join(cells)} |"


def _head(names: str) -> Iterator[str]:
    yield f"| {names} |"
    yield "|---" * len(names.split(" | ")) + "|"


def _signal(result: Result, name: str) -> str:
    return next((s.verdict for s in result.judged.judgement.signals if s.signal == name), "")


def _gap(result: Result) -> tuple[float, float] | None:
    estimated, truth = result.performance.estimated.get("auc"), result.performance.realised.get("auc")
    if estimated is None or estimated.value is None or truth is None:
        return None
    return estimated.value - truth, estimated.standard_error


def _first(results: Sequence[Result], action: str) -> str:
    begins = [
        f"{one.judged.chunk.end:%d %b}"
        for one in results
        if one.judged.decision and one.judged.decision.action == action
    ]
    return begins[0] if begins else "never"


def _begun(results: Sequence[Result], action: str) -> str:
    """Each time that such a decision opens."""
    opened = {
        one.judged.decision.id: f"{one.judged.chunk.end:%d %b}"
        for one in reversed(results)
        if one.judged.decision and one.judged.decision.action == action
    }
    return ", ".join(reversed(opened.values())) or "never"


def _furthest(result: Result) -> str:
    known = [(f.psi_adjusted, f.feature) for f in result.judged.features if f.psi_adjusted is not None]
    return ", ".join(f"{name} {value:.2f}" for value, name in sorted(known, reverse=True)[:FURTHEST])


def _estimated(result: Result, metric: str) -> str:
    found = result.performance.estimated.get(metric)
    return (
        "" if found is None or found.value is None else f"{found.value:.3f} ± {2 * found.standard_error:.3f}"
    )


def _realised(result: Result, metric: str) -> str:
    found = result.performance.realised.get(metric)
    return "" if found is None else f"{found:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: see the top of this file."""
    parser = argparse.ArgumentParser(prog="python -m flights.year", description=main.__doc__)
    parser.add_argument("--write", type=Path, help="page whose tables are replaced")
    parser.add_argument("--picture", type=Path, help="SVG file of the weeks")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(Path(folder))
        replays = [replay(Asked(files.reference, files.year, ROLES, every=length)) for length in LENGTHS]
        text = "\n".join([*month_table(by_month(files)), "", *length_table(replays)])
    print(text)
    if options.write:
        before, _, rest = options.write.read_text().partition(BEGIN)
        options.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")
    if options.picture:
        options.picture.write_text(year_picture(replays[-1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
