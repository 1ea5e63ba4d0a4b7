"""The demo as users run it, on the cluster of the other tests: it exits 0 only if its story happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import installation
from tests.cluster.cache import CLONE
from tests.e2e import readme
from tests.e2e.world import NAMESPACE, World

from flights.demo import ground

SECONDS = 900


@pytest.fixture
def release(world: World) -> Iterator[None]:
    """The demo makes the release watch its own namespace; the other tests get it back.

    What they serve is ended first: one small node has no room for both.
    """
    everything = ("--all", "--cascade=foreground", "--namespace", NAMESPACE)
    world.kubectl("delete", "deployments.trimtab.dev", *everything)
    yield
    world.kubectl("delete", "namespace", ground.NAMESPACE, "--wait=false", "--ignore-not-found")
    installation.install(world.registry, world.images, [NAMESPACE])


@pytest.mark.usefixtures("release")
def test_the_story_happens(world: World, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    search = os.pathsep.join((str(CLONE), str(CLONE / "examples")))
    done = subprocess.run(
        [sys.executable, "-m", "flights.demo", "--summary", str(path)],
        cwd=CLONE,
        env={**os.environ, "PYTHONPATH": search},
        timeout=SECONDS,
    )
    summary = json.loads(path.read_text())
    assert done.returncode == 0, [step for step in summary["steps"] if not step["happened"]]
    assert_it_is_the_story(summary)
    seen = readme.run_block("after-the-demo", world)
    assert "flights-v3" in seen and "d-1" in seen


def assert_it_is_the_story(summary: dict[str, Any]) -> None:
    """What the exit code stands for, read from the numbers."""
    assert all(step["happened"] for step in summary["steps"])
    total = summary["requests"]["total"]
    assert total["failed"] == 0
    assert total["sent"] > 5000
    last = {(one["candidate"], one["metric"]): one["verdict"] for one in summary["verdicts"]}
    assert last["flights-v2", "skew"] == "Fail"
    assert last["flights-v3", "skew"] == last["flights-v3", "errors"] == "Pass"
    weights = {one["candidate"]: one["applied"] for one in summary["weights"]}
    assert weights == {"flights-v1": 100, "flights-v2": 0, "flights-v3": 100}
    lineage = summary["lineage"]
    assert lineage["trigger"]["kind"] == "DriftMonitor"
    assert lineage["window"]["phase"] == "Drifted"
    assert any("floor" in one["where"] for one in summary["thresholds"])
