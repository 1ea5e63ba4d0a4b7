"""kill -9 before and after every write from a failed probation to the revision before it serving alone."""

from __future__ import annotations

import json

import pytest
from tests.faults import crash, rollout
from tests.faults.crash import Outcome, Scenario, Site
from tests.harness.api import DEPLOYMENT
from tests.harness.deployments import ANALYZE, NAME
from tests.harness.lab import Lab
from tests.harness.proxy import Write
from tests.harness.witness import Witness

PROBATION = {"spec.rollout.probation": {"for": "1h", "keepWarm": 1}}


def begin(lab: Lab) -> None:
    rollout.begin(lab, {"weight": 33}, ANALYZE, edits=PROBATION)


def proceed(lab: Lab, witness: Witness) -> None:
    """Once the second version is promoted and the first one has one warm pod left, every request fails."""
    rollout.ask_for_the_second_version(lab, witness)
    promoted = rollout.stable_version(witness) == "flights-v2"
    if promoted and witness.phase(DEPLOYMENT, NAME) == "Ready" and rollout.pods_of(lab, 1) == 1:
        lab.player.serving.fail_requests(rollout.revision(2))


def is_done(witness: Witness) -> bool:
    left = rollout.stable_version(witness) == "flights-v1" and rollout.is_gone(witness, 2)
    return left and witness.phase(DEPLOYMENT, NAME) == "Aborted"


SCENARIO = Scenario(
    "tests/faults/test_crash_rollback.py", begin, is_done, proceed=proceed, settings=rollout.SETTINGS
)


@pytest.fixture(scope="module")
def fault_free(site: Site) -> Outcome:
    return crash.without_fault(site, SCENARIO)


def test_a_crash_at_any_write_changes_nothing(
    site: Site, fault_free: Outcome, pytestconfig: pytest.Config
) -> None:
    """What comes before the decision is the way to a promotion, which has a matrix of its own."""
    first = next(write.index for write in fault_free.writes if _decides(write))
    cases = [case for case in SCENARIO.cases(fault_free.writes) if case.index >= first]
    crash.assert_the_same_world(site, SCENARIO, crash.chosen(cases, pytestconfig), fault_free)


def _decides(write: Write) -> bool:
    return write.name.endswith("/status") and "rollback" in json.loads(write.body).get("status", {})
