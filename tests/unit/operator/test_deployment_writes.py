"""What a rollout costs in writes of its status: one per step, however slowly pods come."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.operator.test_deployment_convergence import serving_one, to_version

STEPS: list[dict[str, Any]] = [
    step for weight in (20, 40, 60, 80) for step in ({"weight": weight}, {"pause": {"for": "10s"}})
]
BESIDE_STEPS = ("frozen", "role given", "first verdicts", "behind the last step", "promoted", "Ready")


@pytest.mark.parametrize("slowness", [0, 3], ids=["pods at once", "pods one by one, late"])
def test_one_status_write_per_step(slowness: int) -> None:
    world = serving_one(STEPS, replicas=5)
    to_version(world, 2)
    written: list[dict[str, Any]] = []
    for turn in range(300):
        before = world.status
        world.reconcile()
        if world.status is not before:
            written.append(world.status)
        world.control(ready=turn % (slowness + 1) == slowness)
        world.route()
        world.pass_time(2)
        if world.status["phase"] == "Ready" and world.status["stable"]["modelVersion"] == "churn-v2":
            break
    told = [(s.get("step", {}).get("index"), s["phase"], s["conditions"][0]["message"]) for s in written]
    assert world.status["stable"]["modelVersion"] == "churn-v2", told[-3:]
    assert len(written) <= len(STEPS) + len(BESIDE_STEPS), told
    pauses = [s for s in written if s.get("step", {}).get("index", 0) % 2 == 1]
    assert {s["phase"] for s in pauses} == {"Paused"}, "said as soon as it begins"
