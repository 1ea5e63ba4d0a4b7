"""The upstream preparation step: cut the flights into splits and traffic pools, and write them as CSV.

    python -m flights.data --out DIR --season winter
    python -m flights.data --out DIR --season july --shuffle-train-labels 1

Rows of one hour share their weather, so days are disjoint between what a model learns and what it lives
through:

| day of year % 5 | part |
|---|---|
| 0, 2 | learning: one day in four is validation, the others are train |
| 3 | evaluation |
| 1, 4 | living: each row by its hash, 30 % reference, 70 % traffic |

A split seed above 0 rotates the days and hashes the rows anew. Equal arguments give equal bytes.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import hashlib
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from flights.source import COLUMNS, LABEL, Flight, data_folder, read_flights

Part = Literal["train", "validation", "evaluation", "reference", "traffic"]
SPLITS: tuple[Part, ...] = ("train", "validation", "evaluation", "reference")
REFERENCE_SHARE = 0.3
DAYS_PER_BLOCK = 5


@dataclass(frozen=True)
class Season:
    """Months a model learns from, and the months it is evaluated, referenced and asked in."""

    learnt: range
    lived: range


SEASONS = {
    "winter": Season(learnt=range(1, 3), lived=range(1, 3)),
    "july": Season(learnt=range(1, 8), lived=range(7, 8)),
    "september": Season(learnt=range(1, 10), lived=range(9, 10)),
}


@dataclass(frozen=True)
class Variant:
    """What an upstream step may do to the data; never to the traffic, which is what clients send.

    `shuffle_train_labels` is the seed of the permutation.
    """

    celsius: bool = False
    shuffle_train_labels: int | None = None


def part_of(flight: Flight, split_seed: int = 0) -> Part:
    """The part a flight belongs to: by its day and, among the days lived through, by the hash of its key."""
    block, place = _block_and_place(flight.date, split_seed)
    match place:
        case 0 | 2:
            # 20 days apart for either kind of day: every weekday gets its turn.
            return "validation" if block % 4 == place else "train"
        case 3:
            return "evaluation"
        case _:
            return "reference" if _hash_fraction(flight.key, split_seed) < REFERENCE_SHARE else "traffic"


@cache
def _block_and_place(date: datetime.date, split_seed: int) -> tuple[int, int]:
    return divmod(date.timetuple().tm_yday + split_seed, DAYS_PER_BLOCK)


def parts(flights: Iterable[Flight], season: str, split_seed: int = 0) -> dict[Part, list[Flight]]:
    """All parts of a season, each in order of scheduled hour."""
    months = SEASONS[season]
    made: dict[Part, list[Flight]] = {part: [] for part in (*SPLITS, "traffic")}
    for flight in flights:
        is_learnt, is_lived = flight.date.month in months.learnt, flight.date.month in months.lived
        if is_learnt or is_lived:
            part = part_of(flight, split_seed)
            if is_learnt if part in ("train", "validation") else is_lived:
                made[part].append(flight)
    return made


def select(flights: Iterable[Flight], season: str, part: Part, split_seed: int = 0) -> list[Flight]:
    """The flights of one part of a season."""
    return parts(flights, season, split_seed)[part]


def splits(
    flights: Iterable[Flight], season: str, variant: Variant, split_seed: int = 0
) -> dict[Part, list[Flight]]:
    """The four data entries of an Experiment. Celsius is in all of them, shuffled labels in train only."""
    cut = parts(flights, season, split_seed)
    made = {part: cut[part] for part in SPLITS}
    if variant.celsius:
        made = {part: [_in_celsius(flight) for flight in rows] for part, rows in made.items()}
    if variant.shuffle_train_labels is not None:
        made["train"] = _with_shuffled_labels(made["train"], variant.shuffle_train_labels)
    return made


def csv_bytes(flights: Iterable[Flight]) -> bytes:
    """UTF-8 with a header and \\n line ends; an empty field is a missing value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(flight.values for flight in flights)
    return text.getvalue().encode()


def _hash_fraction(key: str, split_seed: int) -> float:
    digest = hashlib.sha256(f"{split_seed}|{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _in_celsius(flight: Flight) -> Flight:
    for column in ("temp", "dewp"):
        flight = _replace(flight, column, _celsius(flight.values[COLUMNS.index(column)]))
    return flight


def _celsius(fahrenheit: str) -> str:
    return f"{(float(fahrenheit) - 32) * 5 / 9:.2f}" if fahrenheit else ""


def _with_shuffled_labels(flights: Sequence[Flight], seed: int) -> list[Flight]:
    labels = [flight.values[COLUMNS.index(LABEL)] for flight in flights]
    random.Random(seed).shuffle(labels)
    return [_replace(flight, LABEL, label) for flight, label in zip(flights, labels, strict=True)]


def _replace(flight: Flight, column: str, text: str) -> Flight:
    place = COLUMNS.index(column)
    return Flight(flight.date, flight.key, (*flight.values[:place], text, *flight.values[place + 1 :]))


def days(flights: Iterable[Flight]) -> int:
    """How many days the flights are of."""
    return len({flight.date for flight in flights})


def late_share(flights: Sequence[Flight]) -> float:
    """The share of flights with label 1."""
    return sum(flight.values[COLUMNS.index(LABEL)] == "1" for flight in flights) / len(flights)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which data; `chosen_splits` reads them back."""
    parser.add_argument("--season", choices=SEASONS, required=True)
    parser.add_argument("--split-seed", type=int, default=0)
    parser.add_argument("--celsius", action="store_true", help="temp and dewp in Celsius, in every split")
    parser.add_argument("--shuffle-train-labels", type=int, metavar="SEED")


def chosen_splits(options: argparse.Namespace, year: Sequence[Flight]) -> dict[Part, list[Flight]]:
    """The splits that the options of `add_options` ask for."""
    variant = Variant(options.celsius, options.shuffle_train_labels)
    return splits(year, options.season, variant, options.split_seed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the splits of a season, and its traffic pool, as CSV files."""
    parser = argparse.ArgumentParser(prog="python -m flights.data", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    add_options(parser)
    options = parser.parse_args(arguments)
    year = read_flights(data_folder())
    made = chosen_splits(options, year)
    made["traffic"] = select(year, options.season, "traffic", options.split_seed)
    options.out.mkdir(parents=True, exist_ok=True)
    for part, flights in made.items():
        path = options.out / f"{part}.csv"
        path.write_bytes(csv_bytes(flights))
        print(f"{path}: {len(flights)} rows of {days(flights)} days, {late_share(flights):.1%} late")


if __name__ == "__main__":
    main()
