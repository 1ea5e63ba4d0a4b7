"""Conditions, history, names, hashes, numbers: the small parts that every status is made of."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.effort import examples
from tests.unit.operator.samples import NOW
from tests.unit.operator.schema_limits import assert_storable

from trimtab.apis.v1alpha1.experiment_status import ExperimentStatus
from trimtab.apis.v1alpha1.meta import HistoryEntry
from trimtab.model import conditions, history, names
from trimtab.model.clock import format_time, parse_time
from trimtab.model.conditions import Condition
from trimtab.model.hashing import canonical_json, short_hash
from trimtab.model.numbers import shown
from trimtab.model.plan import controller_uid

FAST = examples(50)

# --- conditions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (conditions.ready("Registered"), {"Ready": "True"}),
        (conditions.progressing("Training"), {"Ready": "False", "Reconciling": "True"}),
        (conditions.stalled("DataInvalid"), {"Ready": "False", "Stalled": "True"}),
    ],
)
def test_kstatus_reads_them(made: tuple[Condition, ...], expected: dict[str, str]) -> None:
    """Reconciling and Stalled are there only while they are true, and never both."""
    assert {c.type: c.status for c in made} == expected


WANTED = st.lists(
    st.builds(
        Condition,
        type=st.sampled_from(["Ready", "Stalled", "Reconciling"]),
        status=st.sampled_from(["True", "False"]),  # type: ignore[arg-type]
        reason=st.sampled_from(["Training", "Failed"]),
        message=st.sampled_from(["", "a", "b" * 3000]),
    ),
    unique_by=lambda c: c.type,
    max_size=3,
)


@FAST
@given(st.lists(WANTED, min_size=1, max_size=6))
def test_times_move_only_with_the_status_of_their_type(steps: list[list[Condition]]) -> None:
    stored: tuple[Any, ...] = ()
    for minute, wanted in enumerate(steps):
        now = NOW + timedelta(minutes=minute)
        merged = conditions.merge(stored, wanted, generation=minute, now=now)
        assert [c.type for c in merged] == [c.type for c in wanted], "exactly those, in their order"
        for condition in merged:
            before = conditions.find(stored, condition.type)
            same = before is not None and before.status == condition.status
            assert condition.last_transition_time == (before.last_transition_time if same and before else now)
            assert condition.observed_generation == minute
        assert_storable("Experiment", ExperimentStatus(conditions=merged).to_wire())
        assert conditions.merge(merged, wanted, generation=minute, now=now + timedelta(days=1)) == merged
        stored = merged


# --- history -----------------------------------------------------------------------------------------------


@FAST
@given(st.lists(st.integers(0, 80), max_size=120))
def test_history_is_bounded_and_says_nothing_twice(numbers: list[int]) -> None:
    entries: tuple[HistoryEntry, ...] = ()
    for minute, number in enumerate(numbers):
        now = NOW + timedelta(minutes=minute)
        before = entries
        entries = history.append(
            entries, entry_id=f"trial-{number}", reason="TrialFailed", message="x" * 2000, now=now
        )
        if any(entry.id == f"trial-{number}" for entry in before):
            assert entries == before, "the first time stands"
        else:
            assert entries[-1].time == now
    assert len(entries) <= history.HISTORY_LIMIT
    assert_storable("Experiment", ExperimentStatus(history=entries).to_wire())


def test_the_oldest_lines_go_first() -> None:
    entries: tuple[HistoryEntry, ...] = ()
    for number in range(history.HISTORY_LIMIT + 3):
        entries = history.append(entries, entry_id=str(number), reason="R", message="", now=NOW)
    assert [entry.id for entry in entries] == [str(n) for n in range(3, history.HISTORY_LIMIT + 3)]


def test_events_are_made_again_only_for_young_lines() -> None:
    def entry(id_: str, age_seconds: float) -> dict[str, Any]:
        return {"id": id_, "time": format_time(NOW - timedelta(seconds=age_seconds))}

    status = {"history": [entry("old", 600), entry("young", 599), entry("new", 0)]}
    assert [e["id"] for e in history.recent(status, NOW)] == ["young", "new"]
    assert history.recent({}, NOW) == []


# --- times, hashes, names, numbers -------------------------------------------------------------------------


EARLIEST, LATEST = (datetime(year, 1, 1) for year in (2000, 2100))  # noqa: DTZ001 - zones are drawn


@FAST
@given(st.datetimes(EARLIEST, LATEST, timezones=st.timezones()))
def test_times_survive_to_the_second(moment: datetime) -> None:
    assert parse_time(format_time(moment)).timestamp() == math.floor(moment.timestamp())


def test_fractions_of_a_lease_time_are_read() -> None:
    assert parse_time("2026-03-04T05:06:07.123456Z").microsecond == 123456


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@FAST
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_a_hash_is_of_the_value_not_of_the_order(value: dict[str, Any]) -> None:
    assert short_hash(value) == short_hash(dict(reversed(value.items())))
    assert len(short_hash(value, 16)) == 16


def test_a_hash_that_is_stored_in_a_cluster_never_changes() -> None:
    assert short_hash({"digest": "sha256:0", "n": [1, "ä"]}) == "e73ccde3e8"


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"x": math.nan})


def test_names_fit_where_they_go() -> None:
    longest = "e" * 40
    assert len(names.trial_job(longest, 50, 9999)) <= 63 - len("-xxxxx")
    assert len(names.evaluation_job(longest, 9999)) <= 63 - len("-xxxxx")
    assert len(names.workload(longest, "8a11d2c4")) <= 63 - len("-7d9c6b5f4d-xxxxx") + 3
    assert len(names.model_config_map("m" * 27)) <= 253
    assert names.event("uid", "end") == names.event("uid", "end") != names.event("uid", "winner")


@pytest.mark.parametrize(
    ("name", "number"),
    [("churn-v7", 7), ("churn-v10", 10), ("other-v7", 0), ("churn", 0), ("churn-v", 0), ("churn-v-1", 0)],
)
def test_a_version_knows_its_number(name: str, number: int) -> None:
    assert names.version_number("churn", name) == number
    assert number == 0 or names.model_version("churn", number) == name


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5121, "0.5121"),
        (1e-7, "1e-07"),
        (1e16, "1e16"),
        (3, "3"),
        (-0.25, "-0.25"),
        (1 / 3, "0.3333333333"),
    ],
)
def test_numbers_as_status_shows_them(value: float, text: str) -> None:
    assert shown(value) == text


@FAST
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_can_be_stored_and_read_back(value: float) -> None:
    wire = ExperimentStatus.model_validate({"trials": [{"index": 1, "objective": shown(value)}]}).to_wire()
    assert_storable("Experiment", wire)
    read = float(wire["trials"][0]["objective"])
    assert read == pytest.approx(value, rel=1e-9) or abs(value) > 1e308


def test_only_the_controller_owns() -> None:
    owners = [{"uid": "a"}, {"uid": "b", "controller": True}]
    assert controller_uid({"metadata": {"ownerReferences": owners}}) == "b"
    assert controller_uid({"metadata": {"ownerReferences": owners[:1]}}) is None
    assert controller_uid({"metadata": {}}) is None
