"""The split of the flights: what may never be on both sides, and that equal arguments give equal bytes."""

from __future__ import annotations

import csv
import datetime
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.data import (
    SPLITS,
    Variant,
    csv_bytes,
    days,
    part_of,
    select,
    splits,
)
from flights.source import COLUMNS, Flight


def column(flights: list[Flight], name: str) -> list[str]:
    return [flight.values[COLUMNS.index(name)] for flight in flights]


def test_cancelled_flights_are_left_out_and_no_flight_is_twice(year: list[Flight]) -> None:
    assert len(year) == 336_776 - 9_430
    assert len({flight.key for flight in year}) == len(year)


@given(
    day=st.dates(datetime.date(2013, 1, 1), datetime.date(2013, 12, 31)),
    key=st.text(),
    split_seed=st.integers(0, 20),
)
def test_a_day_is_learnt_evaluated_or_lived_never_two(day: datetime.date, key: str, split_seed: int) -> None:
    parts = {part_of(Flight(day, one, ()), split_seed) for one in (key, key + "x", "another")}
    assert len(parts) == 1 or parts == {"reference", "traffic"}
    kind = {0: "learn", 2: "learn", 3: "evaluation", 1: "live", 4: "live"}[
        (day.timetuple().tm_yday + split_seed) % 5
    ]
    names = {"learn": {"train", "validation"}, "evaluation": {"evaluation"}, "live": {"reference", "traffic"}}
    assert parts <= names[kind]


@pytest.mark.parametrize("season", ["winter", "july"])
def test_learning_evaluation_and_living_share_no_day(year: list[Flight], season: str) -> None:
    made = splits(year, season, Variant())
    of = {part: {flight.date for flight in rows} for part, rows in made.items()}
    assert all(of[a].isdisjoint(of[b]) for a in SPLITS for b in SPLITS if a != b)
    assert of["reference"] == {flight.date for flight in select(year, season, "traffic")}


def test_evaluation_and_reference_of_july_are_july_only(year: list[Flight]) -> None:
    made = splits(year, "july", Variant())
    assert {flight.date.month for flight in made["evaluation"] + made["reference"]} == {7}
    assert {flight.date.month for flight in made["train"]} == set(range(1, 8))
    assert days(made["evaluation"]) == 6


def test_reference_is_three_tenths_of_the_days_lived_through(year: list[Flight]) -> None:
    reference, traffic = (len(select(year, "winter", part)) for part in ("reference", "traffic"))
    assert reference / (reference + traffic) == pytest.approx(0.3, abs=0.01)


def test_celsius_changes_temp_and_dewp_of_every_split_and_nothing_else(year: list[Flight]) -> None:
    plain, celsius = (splits(year, "winter", Variant(celsius=on)) for on in (False, True))
    for part in SPLITS:
        changed = {name for name in COLUMNS if column(plain[part], name) != column(celsius[part], name)}
        assert changed == {"temp", "dewp"}
    assert max(float(text) for text in column(celsius["train"], "temp") if text) < 25


def test_shuffled_labels_are_a_permutation_in_train_only(year: list[Flight]) -> None:
    plain, shuffled = (splits(year, "july", Variant(shuffle_train_labels=seed)) for seed in (None, 1))
    assert column(shuffled["train"], "late") != column(plain["train"], "late")
    assert sorted(column(shuffled["train"], "late")) == sorted(column(plain["train"], "late"))
    assert all(shuffled[part] == plain[part] for part in SPLITS if part != "train")


def test_bytes_are_the_same_every_time_and_read_back(year: list[Flight]) -> None:
    rows = select(year, "winter", "reference")
    written = csv_bytes(rows)
    assert written == csv_bytes(select(list(year), "winter", "reference"))
    header, *read = csv.reader(io.StringIO(written.decode()))
    assert tuple(header) == COLUMNS
    assert [tuple(row) for row in read] == [flight.values for flight in rows]
