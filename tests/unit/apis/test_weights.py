"""The CEL rules over weights say what the arithmetic of ReplicaRatio says."""

from __future__ import annotations

import re

import pytest

from trimtab.apis.v1alpha1 import weights
from trimtab.deployment.traffic.replica_ratio import Pair, is_reachable, pair, smallest_replicas

REPLICAS = range(1, 101)
WEIGHTS = range(1, 100)


def as_python(formula: str) -> str:
    """A formula of CEL as Python: `/` of whole numbers is `//`, `c ? a : b` is `a if c else b`, and
    `[a, b].max()` is `max(a, b)`."""
    formula = formula.replace(weights._N, "n").replace("&&", "and").replace(" / ", " // ")
    formula = re.sub(r"\[(.+?)\]\.max\(\)", r"max(\1)", formula)
    chosen = re.fullmatch(r"\((.+?) \? (.+) : (.+)\)", formula)
    assert chosen, formula
    return f"(({chosen[2]}) if {chosen[1]} else ({chosen[3]}))"


REACHABLE = compile(as_python(weights._reachable("w")), "reachable", "eval")
PAIR = compile(as_python(weights._pair("w")), "pair", "eval")
NUMBERS = [(n, w) for n in REPLICAS for w in WEIGHTS]


def cel(formula: object, n: int, w: int) -> int:
    return int(eval(formula, {"__builtins__": {"max": max}}, {"n": n, "w": w}))  # type: ignore[arg-type]


def test_a_weight_is_refused_exactly_where_the_pods_cannot_give_it() -> None:
    assert [(n, w) for n, w in NUMBERS if bool(cel(REACHABLE, n, w)) != is_reachable(n, w)] == []


def test_numbers_of_pairs_are_equal_exactly_where_the_pairs_are() -> None:
    """Also of weights that only allowCoarse lets in."""
    for n in REPLICAS:
        by_number: dict[int, set[int]] = {}
        by_pair: dict[Pair, set[int]] = {}
        for w in WEIGHTS:
            by_number.setdefault(cel(PAIR, n, w), set()).add(w)
            by_pair.setdefault(pair(n, w), set()).add(w)
        assert sorted(map(sorted, by_number.values())) == sorted(map(sorted, by_pair.values())), n


def test_what_is_let_in_is_given_within_5_points_by_at_most_twice_the_pods() -> None:
    for n, w in NUMBERS:
        if is_reachable(n, w):
            pods = pair(n, w)
            assert abs(pods.effective_weight - w) <= 5
            assert min(pods.stable, pods.candidate) >= 1 and max(pods.stable, pods.candidate) == n


def test_more_weight_never_takes_pods_from_the_candidate() -> None:
    for n in REPLICAS:
        shares = [pair(n, w).effective_weight for w in range(101)]
        assert shares == sorted(shares)
        assert (shares[0], shares[100]) == (0, 100)


@pytest.mark.parametrize(("smaller", "replicas"), re.findall(r"(\d+): (\d+)", weights._ENOUGH))
def test_the_message_of_the_rule_names_the_fewest_replicas_that_do(smaller: str, replicas: str) -> None:
    for weight in (int(smaller), 100 - int(smaller)):
        assert smallest_replicas(weight) == int(replicas)
        assert all(is_reachable(n, weight) for n in range(int(replicas), 101)), "more do too"
