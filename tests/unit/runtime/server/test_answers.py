"""Servers of the same requests remember the same answers, few of them, and tell nothing of the requests."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_runtime.contract.answers import (
    ANSWERS_PER_EPOCH,
    EPOCH_SECONDS,
    EPOCHS,
    MAX_ANSWERS_BYTES,
    key_of,
    read_answers,
)
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.server.answers import RecentAnswers

MODEL = "sha256:" + "1" * 64


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def told(answers: RecentAnswers) -> dict[str, float]:
    """Of all epochs."""
    return {
        key: score
        for epoch in read_answers(answers.page(), MODEL).epochs.values()
        for key, score in epoch.items()
    }


def test_a_server_with_a_part_of_the_requests_remembers_the_same_ones() -> None:
    clock, draw = Clock(), random.Random(7)
    whole, part = RecentAnswers(MODEL, clock), RecentAnswers(MODEL, clock)
    for number in range(5_000):
        body = b"request %d" % number
        whole.note(body, 0.25)
        if draw.random() < 0.2:
            part.note(body, 0.75)
    common = told(whole).keys() & told(part).keys()
    # A fifth of the 256 of the whole: those of the part with so small a key are all remembered there.
    assert 30 <= len(common) <= 80
    assert len(told(whole)) == len(told(part)) == ANSWERS_PER_EPOCH


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=4), max_size=600))
def test_the_smallest_keys_stay(bodies: list[bytes]) -> None:
    answers = RecentAnswers(MODEL, Clock())
    for body in bodies:
        answers.note(body, len(body) / 4)
    keys = sorted({key_of(body) for body in bodies})[:ANSWERS_PER_EPOCH]
    assert sorted(told(answers)) == keys
    scores = {key_of(body): len(body) / 4 for body in bodies}
    assert told(answers) == {key: scores[key] for key in keys}


def test_old_epochs_go_and_the_page_is_bounded() -> None:
    clock = Clock()
    answers = RecentAnswers(MODEL, clock)
    for epoch in range(2 * EPOCHS):
        for number in range(2 * ANSWERS_PER_EPOCH):
            answers.note(b"%d %d" % (epoch, number), 1 / 3)
        clock.now += EPOCH_SECONDS
    assert len(told(answers)) == EPOCHS * ANSWERS_PER_EPOCH
    assert len(answers.page()) <= MAX_ANSWERS_BYTES


def test_the_page_holds_hashes_and_scores_only() -> None:
    answers = RecentAnswers(MODEL, Clock())
    answers.note(b'{"secret": 1}', 0.5)
    page = json.loads(answers.page())
    assert page == {
        "contract": 1,
        "modelDigest": MODEL,
        "epochs": {"100000": {key_of(b'{"secret": 1}'): 0.5}},
    }


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"[]",
        b"{}",
        b'{"contract": 2, "modelDigest": "%s", "epochs": {}}',
        b'{"contract": 1, "modelDigest": "sha256:%s", "epochs": {}}' % (b"2" * 64),
        b'{"contract": 1, "modelDigest": "%s", "epochs": {"1": {"short": 0.5}}}',
        b'{"contract": 1, "modelDigest": "%s", "epochs": {"1": {"00000000000000aa": 1.5}}}',
        b'{"contract": 1, "modelDigest": "%s", "epochs": {"1": {"00000000000000aa": true}}}',
        b'{"contract": 1, "modelDigest": "%s", "epochs": {"1": {"00000000000000aa": NaN}}}',
        b'{"contract": 1, "modelDigest": "%s", "epochs": {"one": {}}}',
        b'{"contract": 1, "modelDigest": "%s", "epochs": {"1": {}, "2": {}, "3": {}, "4": {}}}',
        b'{"contract": 1, "modelDigest": "%s", "epochs": {}, "more": 1}',
        b" " * (MAX_ANSWERS_BYTES + 1),
    ],
)
def test_anything_else_is_refused(page: bytes) -> None:
    with pytest.raises(ContractError):
        read_answers(page.replace(b"%s", MODEL.encode()), MODEL)
