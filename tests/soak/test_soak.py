"""Two hundred Deployments, twenty of them in a canary at any time, for three minutes."""

from __future__ import annotations

import pytest
from tests.bench import soak
from tests.bench.measure import table

SHAPE = soak.Shape(count=200, active=20, seconds=180.0, pause_seconds=10)
# A busy machine is slow by a factor: these bounds tell late from lost, the benchmark tells fast from slow.
PATIENCE = 5


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> soak.Soak:
    found = soak.soak(SHAPE, tmp_path_factory.mktemp("soak"))
    print(f"\n{table(soak.measures(found))}\nwrites: {found.written}")
    return found


def test_every_canary_is_promoted(found: soak.Soak) -> None:
    assert found.failed == {}
    assert found.promoted == found.begun >= 2 * SHAPE.active


def test_passes_and_timers_are_in_time(found: soak.Soak) -> None:
    assert found.passes.quantile(0.99) < PATIENCE * soak.PASS_SECONDS
    assert found.late.count > found.begun, "each canary has timers"
    assert found.late.quantile(0.99) < PATIENCE * soak.LATE_SECONDS


def test_nothing_is_written_to_idle_deployments_and_memory_is_bounded(found: soak.Soak) -> None:
    assert found.written_active.objects > 10 * found.begun, "writes are found by the names of their objects"
    assert found.events_active > found.begun
    assert found.written_idle.objects + found.events_idle == 0
    assert found.memory_growth_mib < soak.FLAT_MIB
