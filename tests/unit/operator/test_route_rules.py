"""Which requests a route sends where: testers, clients that stay, and the others."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trimtab.apis.v1alpha1.traffic import Traffic
from trimtab.deployment.traffic.route_rules import BUCKETS, buckets, rules_of
from trimtab.deployment.traffic.routing import named_by, weights_of

OLD, NEW = "aaaaaaaa", "bbbbbbbb"
GATEWAY = {"provider": "GatewayAPI", "gatewayRef": {"name": "edge"}, "hostnames": ["flights.example"]}
BOTH: dict[str, Any] = {"testers": {"header": "x-beta", "value": "yes"}, "sticky": {"header": "x-user"}}
UUIDS = st.uuids().map(str)


def rules(weights: dict[str, int], candidate: str = NEW, **traffic: Any) -> list[dict[str, Any]]:
    return rules_of("churn", Traffic.model_validate(GATEWAY | traffic), weights, candidate)


def side(found: list[dict[str, Any]], **headers: str) -> set[str]:
    """The revisions that a request may get to, by the Gateway API's order: more header matches first, then
    the rule that comes first."""
    for rule in sorted(found, key=lambda rule: -len(rule["matches"][0].get("headers", ()))):
        if all(_matches(header, headers) for header in rule["matches"][0].get("headers", ())):
            return {backend["name"].removeprefix("churn-") for backend in rule["backendRefs"]}
    raise AssertionError("no rule takes it")


def _matches(header: dict[str, str], headers: dict[str, str]) -> bool:
    value = headers.get(header["name"].replace("-", "_"))
    if value is None:
        return False
    if header["type"] == "Exact":
        return value == header["value"]
    return re.fullmatch(header["value"], value) is not None


def test_testers_get_the_candidate_and_everybody_else_goes_by_weight() -> None:
    found = rules({OLD: 95, NEW: 5}, testers=BOTH["testers"])
    assert side(found, x_beta="yes") == {NEW}
    assert side(found, x_beta="no") == {OLD, NEW}
    assert side(found) == {OLD, NEW}


@given(UUIDS, st.integers(1, 99))
def test_a_tester_gets_the_candidate_on_whatever_side_the_client_stays(user: str, weight: int) -> None:
    found = rules({OLD: 100 - weight, NEW: weight}, **BOTH)
    assert side(found, x_beta="yes", x_user=user) == {NEW}


@pytest.mark.parametrize("value", ["a`) || Host(`b.example", 'say "yes"', "a\\b", "a\nb", "a b", "", "ä"])
def test_a_value_that_a_gateway_may_read_as_more_than_a_value_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        rules({OLD: 95, NEW: 5}, testers={"header": "x-beta", "value": value})


@pytest.mark.parametrize(
    ("weights", "candidate", "why"),
    [
        ({OLD: 100}, NEW, "the candidate has no weight, so it may have no pods"),
        ({NEW: 100}, NEW, "it has everything"),
        ({OLD: 50, NEW: 50}, "", "nobody is candidate: an abort has begun"),
        ({OLD: 40, NEW: 50, "cccccccc": 10}, NEW, "somebody without a role still has traffic"),
    ],
)
def test_headers_choose_only_between_two_sides_with_weight(
    weights: dict[str, int], candidate: str, why: str
) -> None:
    (only,) = rules(weights, candidate, **BOTH)
    assert "headers" not in only["matches"][0], why


@given(UUIDS, st.integers(1, 99), st.integers(1, 99))
def test_a_client_stays_and_a_growing_weight_moves_it_to_the_candidate_only(
    user: str, one: int, other: int
) -> None:
    low, high = sorted((one, other))
    before = side(rules({OLD: 100 - low, NEW: low}, **BOTH), x_user=user)
    after = side(rules({OLD: 100 - high, NEW: high}, **BOTH), x_user=user)
    assert len(before) == len(after) == 1
    assert before == {OLD} or after == {NEW}


@given(st.integers(1, 99))
def test_the_share_of_clients_is_the_weight_to_half_a_bucket(weight: int) -> None:
    found = rules({OLD: 100 - weight, NEW: weight}, **BOTH)
    users = [f"user-{n:02X}" for n in range(BUCKETS)]
    share = sum(side(found, x_user=user) == {NEW} for user in users) / BUCKETS
    assert abs(share - weight / 100) <= 0.5 / BUCKETS or share == 1 / BUCKETS


@given(st.integers(0, 255), st.integers(1, 256))
def test_a_pattern_matches_its_buckets_and_no_other(low: int, high: int) -> None:
    if low >= high:
        return
    pattern = re.compile(buckets(low, high))
    matched = {n for n in range(BUCKETS) if pattern.search(f"x{n:02x}")}
    assert matched == set(range(low, high))
    assert not pattern.search("user-zz"), "without two digits a request goes by weight"


def test_weights_are_read_without_the_rules_for_headers_but_who_is_named_is_not() -> None:
    route = {"spec": {"rules": rules({OLD: 95, NEW: 5}, **BOTH)}}
    assert weights_of(route, "churn") == {OLD: 95, NEW: 5}
    route["spec"]["rules"] = route["spec"]["rules"][:1]
    assert weights_of(route, "churn") == {}
    assert named_by(route, "churn") == {NEW}
