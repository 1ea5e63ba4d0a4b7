"""kill -9 before and after every write from the first version served to the second one given up."""

from __future__ import annotations

import subprocess

import pytest
from tests.cluster.cache import CLONE
from tests.faults import crash, rollout
from tests.faults.crash import Outcome, Scenario, Site
from tests.harness.api import DEPLOYMENT
from tests.harness.deployments import HOLD, NAME
from tests.harness.lab import Lab
from tests.harness.witness import Witness

EVERY = 3


def begin(lab: Lab) -> None:
    rollout.begin(lab, {"weight": 33}, HOLD)


def proceed(lab: Lab, witness: Witness) -> None:
    """The second version answers 500 to everything once it waits: then each run fails in the same step."""
    rollout.ask_for_the_second_version(lab, witness)
    if witness.status(DEPLOYMENT, NAME).get("step", {}).get("index") == 1:
        lab.player.serving.fail_requests(rollout.revision(2))


def is_done(witness: Witness) -> bool:
    return witness.phase(DEPLOYMENT, NAME) == "Aborted" and rollout.is_gone(witness, 2)


SCENARIO = Scenario(
    "tests/faults/test_crash_abort.py",
    begin,
    is_done,
    proceed=proceed,
    settings=rollout.SETTINGS,
)


@pytest.fixture(scope="module")
def fault_free(site: Site) -> Outcome:
    return crash.without_fault(site, SCENARIO)


def test_a_crash_at_any_write_changes_nothing(
    site: Site, fault_free: Outcome, pytestconfig: pytest.Config
) -> None:
    """A third of the writes, another one with each commit: the way to the abort is that to the promotion."""
    cases = SCENARIO.cases(fault_free.writes)
    some = crash.chosen(cases, pytestconfig, every=EVERY, offset=_of_the_commit())
    crash.assert_the_same_world(site, SCENARIO, some, fault_free)


def _of_the_commit() -> int:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CLONE, capture_output=True, text=True, check=True)
    return int(head.stdout.strip(), 16)
