"""Label tokens, and what becomes of labels that come back."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.runtime.server.samples import DIGEST, OTHER_DIGEST, PROFILE, PROFILE_DIGEST, counters

from trimtab_runtime.contract.counts import FeedbackKey, ServerCounts
from trimtab_runtime.contract.page import PageReader
from trimtab_runtime.contract.token import MAX_TOKEN_LENGTH, Token, format_nonce, format_token, parse_token
from trimtab_runtime.server.feedback import MAX_LABELS, Feedback, RecentNonces, Unreadable, age_label

NOW, DAY = 1_800_000_000, 24 * 3600
TOKEN = Token(DIGEST, 1, 1, NOW - 10, "AAAAAAAAAAAAAAAA")


def nonce(number: int) -> str:
    return format_nonce((number + 1).to_bytes(8) + bytes(4))


def feedback() -> Feedback:
    return Feedback(counters(), DIGEST, 7 * DAY, RecentNonces(sets=1 << 10), lambda: float(NOW))


def counts(given: Feedback) -> ServerCounts:
    return PageReader(DIGEST, PROFILE_DIGEST, PROFILE).read(given.counters.page()).counts


def item(token: Token = TOKEN, label: Any = 1) -> dict[str, Any]:
    return {"token": format_token(token), "label": label}


@given(
    st.builds(
        Token,
        st.sampled_from([DIGEST, OTHER_DIGEST]),
        st.integers(0, 64),
        st.integers(0, 1),
        st.integers(0, 10**11),
        st.binary(min_size=12, max_size=12).map(format_nonce),
    )
)
def test_a_token_is_read_as_it_was_written(token: Token) -> None:
    text = format_token(token)
    assert parse_token(text) == token and len(text) <= MAX_TOKEN_LENGTH
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert value == {
        "v": 1,
        "m": token.model_digest,
        "b": token.bucket,
        "c": token.predicted,
        "t": token.answered_seconds,
        "n": token.nonce,
    }


@given(
    st.text(max_size=300) | st.none() | st.integers() | st.binary(max_size=200).map(base64.urlsafe_b64encode)
)
def test_anything_else_is_no_token(text: object) -> None:
    assert parse_token(text) is None
    assert parse_token(text.decode() if isinstance(text, bytes) else text) is None


def test_labels_are_counted_by_version_bucket_label_and_age() -> None:
    given = feedback()
    ages = [0, 3599, 3600, 2 * 3600, DAY - 1, DAY, 7 * DAY]
    tokens = [replace(TOKEN, answered_seconds=NOW - age, nonce=nonce(age)) for age in ages]
    tokens.append(replace(TOKEN, model_digest=OTHER_DIGEST, bucket=40, nonce=nonce(10**9)))
    answer = given.receive([item(token, label) for token, label in zip(tokens, [1, 0] * 4, strict=True)])
    assert answer == {"accepted": 8, "rejected": []}
    assert counts(given).feedback() == {
        FeedbackKey(DIGEST, 1, "1", "0"): 1,
        FeedbackKey(DIGEST, 1, "0", "0"): 1,
        FeedbackKey(DIGEST, 1, "1", "1"): 1,
        FeedbackKey(DIGEST, 1, "0", "2-23"): 1,
        FeedbackKey(DIGEST, 1, "1", "2-23"): 1,
        FeedbackKey(DIGEST, 1, "0", "24+"): 1,
        FeedbackKey(DIGEST, 1, "1", "24+"): 1,
        FeedbackKey(OTHER_DIGEST, 40, "0", "0"): 1,
    }


@pytest.mark.parametrize(
    ("why", "given", "reason"),
    [
        ("too old", item(replace(TOKEN, answered_seconds=NOW - 7 * DAY - 1)), "expired"),
        ("from the future", item(replace(TOKEN, answered_seconds=NOW + 301)), "malformed"),
        ("a bucket we do not have", item(replace(TOKEN, bucket=3)), "malformed"),
        ("a label that is none", item(label=2), "malformed"),
        ("a label as text", item(label="1"), "malformed"),
        ("a label as float", item(label=1.0), "malformed"),
        ("no label", {"token": format_token(TOKEN)}, "malformed"),
        ("no token", {"label": 1}, "malformed"),
        ("a token that is none", {"token": "abc", "label": 1}, "malformed"),
    ],
)
def test_rejects(why: str, given: dict[str, Any], reason: str) -> None:
    received = feedback()
    answer = received.receive([item(label=True), given])
    assert answer == {"accepted": 1, "rejected": [{"index": 1, "reason": reason}]}, why
    assert counts(received).feedback_rejected()[reason] == 1


def test_one_label_alone_and_its_duplicate() -> None:
    given = feedback()
    assert given.receive(item())["accepted"] == 1
    assert given.receive(item(label=0)) == {"accepted": 0, "rejected": [{"index": 0, "reason": "duplicate"}]}


def test_versions_beyond_the_bound_are_unknown() -> None:
    given = feedback()
    tokens = [replace(TOKEN, model_digest=f"sha256:{n:064x}", nonce=nonce(n)) for n in range(5)]
    assert given.receive([item(token) for token in tokens])["rejected"] == [
        {"index": 4, "reason": "unknown_version"}
    ]


@pytest.mark.parametrize("body", [None, 3, "x", [3], [[item()]], [item()] * (MAX_LABELS + 1)])
def test_unreadable_bodies(body: Any) -> None:
    with pytest.raises(Unreadable):
        feedback().receive(body)


def test_the_memory_of_nonces_is_bounded_and_forgets_the_oldest() -> None:
    remembered = RecentNonces(sets=1 << 4)
    assert all(remembered.add(nonce(number)) for number in range(1000))
    again = [remembered.add(nonce(number)) for number in range(1000)]
    assert sum(not is_new for is_new in again) <= 64
    assert not remembered.add(nonce(999))


def test_ages() -> None:
    hours = {0: "0", 0.99: "0", 1: "1", 2: "2-23", 23.9: "2-23", 24: "24+", 168: "24+"}
    assert {hour: age_label(hour * 3600) for hour in hours} == hours
