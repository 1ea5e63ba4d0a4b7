"""Termination messages: what is written is read back, and nothing else is accepted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_runtime.contract.errors import ContractError, Reason, exit_code
from trimtab_runtime.contract.message import (
    MAX_MESSAGE_BYTES,
    Comparison,
    EvaluationResult,
    Failure,
    TrialResult,
    format_message,
    parse_message,
)
from trimtab_runtime.contract.metrics import EVALUATION_METRICS

DIGEST = "sha256:" + "a" * 64
GOOD = {"contract": 1, "attempt": 1, "manifestDigest": DIGEST, "metrics": {"logLoss": 0.5}}

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.from_regex(r"\A[A-Za-z][A-Za-z0-9_.-]{0,62}\Z")


def _reason(text: str | bytes) -> Reason:
    with pytest.raises(ContractError) as caught:
        parse_message(text)
    return caught.value.reason


@given(st.integers(1, 99), st.dictionaries(names, finite, max_size=16))
def test_trial_results_survive(attempt: int, metrics: dict[str, float]) -> None:
    written = format_message(TrialResult(attempt, DIGEST, metrics))
    assert len(written) <= MAX_MESSAGE_BYTES
    read = parse_message(written)
    assert isinstance(read, TrialResult) and read.attempt == attempt
    assert read.metrics == pytest.approx(metrics, rel=1e-9)


@given(st.lists(finite, min_size=20, max_size=20))
def test_the_fullest_evaluation_result_fits(numbers: list[float]) -> None:
    gates = tuple(
        Comparison(name, numbers[i], numbers[i + 4], numbers[i + 8], (min(numbers), max(numbers)), 10**9)
        for i, name in enumerate(EVALUATION_METRICS)
    )
    result = EvaluationResult(99, DIGEST, 10**9, 10**9, dict.fromkeys(EVALUATION_METRICS, numbers[0]), gates)
    assert isinstance(parse_message(format_message(result)), EvaluationResult)


@given(st.sampled_from(Reason), st.text(max_size=400), st.text(max_size=2000))
def test_any_failure_can_be_said(reason: Reason, field: str, message: str) -> None:
    read = parse_message(format_message(Failure(1, reason, field, message)))
    assert isinstance(read, Failure) and read.reason is reason


def test_failures_hold_no_uri() -> None:
    written = format_message(Failure(1, Reason.INTERNAL_ERROR, "x", "see https://host.example/secret now"))
    assert b"host.example" not in written and b"(uri) now" in written


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.RESULT_MISSING),
        (" \n", Reason.RESULT_MISSING),
        ("x" * 2049, Reason.RESULT_TRUNCATED),
        (b"\xff" * 4096, Reason.RESULT_TRUNCATED),
        ("x" * 1_000_000, Reason.RESULT_TRUNCATED),
        ("hello", Reason.RESULT_INVALID),
        (b"\xff\xfe", Reason.RESULT_INVALID),
        ("[" * 2000, Reason.RESULT_INVALID),
        ("[]", Reason.RESULT_INVALID),
        ("null", Reason.RESULT_INVALID),
        ('{"contract":1,"contract":1}', Reason.RESULT_INVALID),
    ],
)
def test_what_is_no_message(text: str | bytes, reason: Reason) -> None:
    assert _reason(text) is reason


@pytest.mark.parametrize(
    "change",
    [
        {"contract": 2},
        {"contract": "1"},
        {"contract": True},
        {"attempt": 0},
        {"attempt": "1"},
        {"attempt": True},
        {"attempt": 1.0},
        {"manifestDigest": "sha256:abc"},
        {"manifestDigest": "sha512:" + "a" * 64},
        {"manifestDigest": DIGEST + "\n"},
        {"manifestDigest": None},
        {"metrics": []},
        {"metrics": {"auc": None}},
        {"metrics": {"auc": "0.5"}},
        {"metrics": {"auc": True}},
        {"metrics": {"a b": 1}},
        {"metrics": {f"m{i}": i for i in range(17)}},
        {"repository": "oci://elsewhere/x"},
        {"error": {"reason": "Whatever", "field": ""}},
        {"error": {"reason": "DataInvalid", "field": ""}},
        {"evaluation": {}},
    ],
)
def test_a_changed_field_is_refused(change: dict[str, object]) -> None:
    assert parse_message(json.dumps(GOOD))
    assert _reason(json.dumps(GOOD | change)) is Reason.RESULT_INVALID


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_numbers_that_are_none(number: str) -> None:
    assert _reason(json.dumps(GOOD).replace("0.5", number)) is Reason.RESULT_INVALID


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_input_raises_anything_else(text: str | bytes) -> None:
    assert _reason(text) in (Reason.RESULT_MISSING, Reason.RESULT_INVALID)


def test_only_passing_trouble_is_retried() -> None:
    retried = {reason for reason in Reason if exit_code(reason) == 1}
    assert retried == {Reason.REGISTRY_UNAVAILABLE, Reason.INTERRUPTED, Reason.INTERNAL_ERROR}
    assert {exit_code(reason) for reason in set(Reason) - retried} == {42}
