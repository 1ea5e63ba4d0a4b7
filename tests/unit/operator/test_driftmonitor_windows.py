"""How rounds of scrapes become windows: what is counted, once, and what makes a window less than complete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.drift_samples import BYTES, SECONDS, START, Server
from tests.unit.operator.effort import examples

from trimtab.driftmonitor.checkpoint import UnreadableCheckpoint, dump, load, restored
from trimtab.driftmonitor.windows import (
    ClosedWindow,
    Collection,
    Completeness,
    Round,
    advance,
    window_at,
)
from trimtab_runtime.contract.page import ServerPage

Pods = Mapping[str, Server]


class Rounds:
    """Rounds over servers by pod uid; keeps what was closed."""

    def __init__(self, *, at: float = 0.0, mixed: bool = False) -> None:
        moment = START + timedelta(seconds=at)
        self.collection = Collection(window_at(moment, SECONDS, BYTES[1], mixed=mixed))
        self.closed: list[ClosedWindow] = []

    def read(
        self,
        at: float,
        stable: Pods,
        *,
        others: Pods | None = None,
        leaving: frozenset[str] = frozenset(),
        present: frozenset[str] | None = None,
    ) -> None:
        more = others or {}
        round_ = Round(
            START + timedelta(seconds=at),
            pages(stable),
            pages(more),
            leaving,
            frozenset((*stable, *more)) if present is None else present,
        )
        self.collection, closed = advance(self.collection, round_)
        self.closed += [closed] if closed else []

    @property
    def last(self) -> ClosedWindow:
        return self.closed[-1]


def pages(servers: Pods) -> dict[str, ServerPage]:
    return {uid: server.page() for uid, server in servers.items()}


def test_windows_close_on_whole_multiples_of_their_length() -> None:
    window = window_at(START + timedelta(seconds=13.7), SECONDS, BYTES[1])
    assert (window.start, window.end) == (START + timedelta(seconds=10), START + timedelta(seconds=20))


def test_a_window_holds_what_was_counted_in_it() -> None:
    one, two, rounds = Server(), Server(), Rounds()
    one.answer(50)  # before anybody looked
    rounds.read(0.1, {"a": one, "b": two})
    one.answer(7)
    two.answer(5)
    rounds.read(5, {"a": one, "b": two})
    one.answer(3)
    rounds.read(10, {"a": one, "b": two})
    assert rounds.last.rows == 15 and rounds.last.labelled == 15
    assert rounds.last.completeness is Completeness.COMPLETE
    assert sum(rounds.last.counts.scores()) == 15
    two.answer(2)
    rounds.read(20.2, {"a": one, "b": two})
    assert (rounds.last.rows, rounds.last.completeness) == (2, Completeness.COMPLETE)


def test_a_round_of_the_past_changes_nothing() -> None:
    one, rounds = Server(), Rounds()
    rounds.read(1, {"a": one})
    one.answer(4)
    rounds.read(2, {"a": one})
    one.answer(4)
    rounds.read(2, {"a": one})
    assert rounds.collection.window.counts.rows() == 4


def test_the_first_window_is_partial_unless_it_was_there_from_the_start() -> None:
    for at, completeness in ((0.4, Completeness.COMPLETE), (7, Completeness.PARTIAL)):
        rounds = Rounds(at=at)
        rounds.read(at, {"a": Server()})
        rounds.read(10.1, {"a": Server()})
        assert rounds.last.completeness is completeness, at


def test_a_new_pod_has_counted_everything_since() -> None:
    one, two, rounds = Server(), Server(), Rounds()
    rounds.read(0, {"a": one})
    two.answer(6)
    rounds.read(5, {"a": one, "b": two})
    rounds.read(10, {"a": one, "b": two})
    assert (rounds.last.rows, rounds.last.completeness) == (6, Completeness.COMPLETE)


def test_a_process_that_begins_anew_has_lost_its_end() -> None:
    one, rounds = Server(), Rounds()
    rounds.read(0, {"a": one})
    one.answer(5)
    rounds.read(5, {"a": one})
    again = Server(started=2000.0)
    again.answer(3)
    rounds.read(10, {"a": again})
    assert (rounds.last.rows, rounds.last.completeness) == (8, Completeness.PARTIAL)


def test_a_pod_that_vanishes_takes_what_nobody_read() -> None:
    one, two, rounds = Server(), Server(), Rounds()
    rounds.read(0, {"a": one, "b": two})
    rounds.read(10, {"a": one})
    assert rounds.last.completeness is Completeness.PARTIAL


def test_a_pod_that_drained_was_read_to_its_end() -> None:
    one, two, rounds = Server(), Server(), Rounds()
    rounds.read(0, {"a": one, "b": two})
    two.answer(4)
    rounds.read(5, {"a": one, "b": two}, leaving=frozenset({"b"}))
    rounds.read(10, {"a": one})
    assert (rounds.last.rows, rounds.last.completeness) == (4, Completeness.COMPLETE)


def test_a_pod_that_is_not_ready_is_read_when_it_is_again() -> None:
    one, rounds = Server(), Rounds()
    rounds.read(0, {"a": one})
    one.answer(4)
    rounds.read(5, {}, present=frozenset({"a"}))
    rounds.read(10, {"a": one})
    assert (rounds.last.rows, rounds.last.completeness) == (4, Completeness.COMPLETE)


def test_a_counter_that_fell_is_not_believed() -> None:
    high, low, rounds = Server(), Server(), Rounds()
    high.answer(9)
    rounds.read(0, {"a": high})
    low.answer(2)
    rounds.read(10, {"a": low})
    assert (rounds.last.rows, rounds.last.completeness) == (0, Completeness.PARTIAL)


def test_a_window_that_is_closed_too_late_holds_rows_of_the_next() -> None:
    one, rounds = Server(), Rounds()
    for at in (0, 18, 20, 30):
        rounds.read(at, {"a": one})
    assert [closed.completeness for closed in rounds.closed] == [
        Completeness.LATE,
        Completeness.PARTIAL,  # its first 8 s went to the one before
        Completeness.COMPLETE,
    ]


def test_windows_that_nobody_saw_are_left_out() -> None:
    one, rounds = Server(), Rounds()
    rounds.read(0, {"a": one})
    rounds.read(95, {"a": one})
    assert len(rounds.closed) == 1
    assert rounds.collection.window.start == START + timedelta(seconds=90)


def test_a_canary_counts_for_nothing_but_stables_labels() -> None:
    stable, canary, rounds = Server(1), Server(2), Rounds()
    rounds.read(0, {"a": stable}, others={"c": canary})
    stable.answer(3)
    canary.answer(10, label_of=2)
    canary.label(4, of=1, bucket=2)
    rounds.read(10, {"a": stable}, others={"c": canary})
    assert (rounds.last.rows, rounds.last.labelled) == (3, 7)


def test_a_window_of_two_versions_is_mixed() -> None:
    one, rounds = Server(), Rounds(mixed=True)
    rounds.read(0, {"a": one})
    rounds.read(10, {"a": one})
    assert rounds.last.completeness is Completeness.MIXED


@examples(60)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.floats(0.1, 9.0), st.booleans()),
        max_size=25,
    )
)
def test_no_row_is_lost_or_counted_twice(steps: list[tuple[str, int, float, bool]]) -> None:
    """Whatever pods come, whenever they are read: all rows after the baseline are in exactly one window."""
    servers, rounds, at, answered = {"a": Server()}, Rounds(), 0.0, 0
    rounds.read(at, servers)
    for uid, rows, passed, is_read in steps:
        servers.setdefault(uid, Server()).answer(rows)
        answered += rows
        at += passed
        if is_read:
            rounds.read(at, servers)
    rounds.read(at + 1, servers)
    counted = sum(closed.rows for closed in rounds.closed)
    rest = rounds.collection.window.counts
    assert counted + (rest.rows() if rest.values else 0) == answered
    ends = [closed.end for closed in rounds.closed]
    assert ends == sorted(set(ends))


# --- the checkpoint ---------------------------------------------------------------------------------------


def test_a_stored_window_goes_on_as_a_partial_one() -> None:
    one, rounds = Server(), Rounds()
    rounds.read(0, {"a": one})
    one.answer(5)
    rounds.read(4, {"a": one})
    data = {"window": json.dumps(dump(rounds.collection.window))}
    stored = load({"data": data})
    assert stored is not None and stored.counts == rounds.collection.window.counts
    fresh = window_at(START + timedelta(seconds=6), SECONDS, BYTES[1])
    assert restored(stored, fresh).partial
    for other in (
        window_at(START + timedelta(seconds=16), SECONDS, BYTES[1]),
        window_at(START + timedelta(seconds=6), SECONDS, BYTES[2]),
        window_at(START + timedelta(seconds=6), 5, BYTES[1]),
    ):
        assert restored(stored, other) == other


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "start": 3}'])
def test_another_hands_checkpoint_is_not_read(text: str) -> None:
    with pytest.raises(UnreadableCheckpoint):
        load({"data": {"window": text}})
