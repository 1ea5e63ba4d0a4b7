"""The ConfigMap of a model's numbers: read strictly, because no number may be used twice."""

from __future__ import annotations

import pytest
from tests.unit.operator import samples

from trimtab.model.errors import Terminal
from trimtab.runtime.observe_experiment import parse_reservations


def test_there_may_be_none_yet() -> None:
    assert parse_reservations(None) == samples.reservations()


def test_numbers_by_experiment() -> None:
    body = samples.config_map(**{"highWater": "12", "reserved.a": "7", "reserved.b": "12", "retrains": "[]"})
    read = parse_reservations(body)
    assert (read.high_water, dict(read.reserved), read.body) == (12, {"a": 7, "b": 12}, body)


@pytest.mark.parametrize(
    "data",
    [
        {"highWater": "many"},
        {"highWater": "-1"},
        {"highWater": ""},
        {"highWater": "1.5"},
        {"highWater": " 3"},
        {"reserved.a": "0"},
        {"reserved.a": "-2"},
    ],
)
def test_anything_else_stops_registration_and_names_the_config_map(data: dict[str, str]) -> None:
    with pytest.raises(Terminal, match="trimtab-model-flights"):
        parse_reservations(samples.config_map(**data))
