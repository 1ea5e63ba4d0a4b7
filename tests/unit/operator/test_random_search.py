"""Random search: the same trial always gets the same draw, inside its range, spread as declared."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.operator.effort import examples

from trimtab.apis.v1alpha1.experiment_status import TrialStatus
from trimtab.apis.v1alpha1.search import Search
from trimtab.search.random_search import suggest


def search(*parameters: dict[str, Any]) -> Search:
    return Search.model_validate({"parameters": list(parameters)})


LEAVES = {"name": "leaves", "type": "int", "min": "4", "max": "31"}
RATE = {"name": "rate", "type": "double", "min": "0.02", "max": "0.2", "scale": "log"}
KIND = {"name": "kind", "type": "categorical", "values": ["a", "b", "c"]}


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["int", "double", "categorical"]))
    if kind == "categorical":
        return KIND | {"values": draw(st.lists(st.text("xyz", min_size=1), min_size=1, unique=True))}
    log = draw(st.booleans())
    if kind == "int":
        low = draw(st.integers(1 if log else -(10**14), 10**14))
        high = draw(st.integers(low, 10**14))
        bounds = {"min": str(low), "max": str(high)}
    else:
        texts = st.sampled_from(["1e-99", "0.02", "0.2", "1", "7.5", "1e6", "123456789012345e99"])
        negative = [] if log else ["-1e9", "-0.5", "0"]
        low_text, high_text = sorted(
            [draw(texts | st.sampled_from(negative or ["1"])), draw(texts)], key=float
        )
        bounds = {"min": low_text, "max": high_text}
    return {"name": "p", "type": kind, "scale": "log" if log else "linear"} | bounds


@examples(25)
@given(parameters(), st.integers(0, 2**31 - 1), st.integers(1, 50))
def test_draws_are_in_range_and_repeatable(parameter: dict[str, Any], seed: int, index: int) -> None:
    drawn = suggest(search(parameter), seed=seed, index=index)
    assert drawn == suggest(search(parameter), seed=seed, index=index)
    TrialStatus(index=index, parameters=drawn)
    (text,) = drawn.values()
    match parameter["type"]:
        case "categorical":
            assert text in parameter["values"]
        case "int":
            assert int(parameter["min"]) <= int(text) <= int(parameter["max"])
        case _:
            assert float(parameter["min"]) <= float(text) <= float(parameter["max"])


def test_a_dimension_more_leaves_the_others_as_they_were() -> None:
    alone = suggest(search(LEAVES), seed=7, index=3)
    assert suggest(search(RATE, LEAVES, KIND), seed=7, index=3)["leaves"] == alone["leaves"]


def test_trials_and_seeds_differ() -> None:
    of_trials = {suggest(search(RATE), seed=7, index=index)["rate"] for index in range(1, 51)}
    of_seeds = {suggest(search(RATE), seed=seed, index=1)["rate"] for seed in range(50)}
    assert len(of_trials) == len(of_seeds) == 50


def test_known_draws_never_change() -> None:
    """They are not stored before their trial is: another value after an upgrade would be another search."""
    assert suggest(search(LEAVES, RATE, KIND), seed=7, index=1) == KNOWN


KNOWN = {"leaves": "28", "rate": "0.0700633183", "kind": "b"}


def draws(parameter: dict[str, Any], count: int = 2000) -> list[str]:
    described = search(parameter)
    return [suggest(described, seed=seed, index=1)[parameter["name"]] for seed in range(count)]


@pytest.mark.parametrize(
    ("parameter", "expected", "why"),
    [
        (KIND, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, "every value as often"),
        (LEAVES | {"min": "1", "max": "4"}, {str(k): 1 / 4 for k in range(1, 5)}, "both ends included"),
        (
            LEAVES | {"min": "1", "max": "3", "scale": "log"},
            {str(k): math.log((k + 0.5) / (k - 0.5)) / math.log(7) for k in (1, 2, 3)},
            "on a log scale each has the mass of [k - 0.5, k + 0.5)",
        ),
    ],
)
def test_how_often_each_value_is_drawn(
    parameter: dict[str, Any], expected: dict[str, float], why: str
) -> None:
    counts = Counter(draws(parameter))
    assert set(counts) == set(expected), why
    for value, share in expected.items():
        assert abs(counts[value] / 2000 - share) < 5 * math.sqrt(share * (1 - share) / 2000), why


@pytest.mark.parametrize(("scale", "median"), [("linear", 0.51), ("log", 0.1414)])
def test_the_middle_of_a_range_depends_on_its_scale(scale: str, median: float) -> None:
    values = sorted(map(float, draws(RATE | {"min": "0.02", "max": "1", "scale": scale})))
    assert values[1000] == pytest.approx(median, rel=0.15)
