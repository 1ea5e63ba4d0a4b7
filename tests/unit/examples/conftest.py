"""The year of flights, read once."""

from __future__ import annotations

import pytest

from flights.source import Flight, data_folder, read_flights


@pytest.fixture(scope="session")
def year() -> list[Flight]:
    """All flown flights of 2013."""
    return read_flights(data_folder())
