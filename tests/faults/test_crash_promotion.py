"""kill -9 before and after every write from the first version served to the second one promoted."""

from __future__ import annotations

import pytest
from tests.faults import crash, rollout
from tests.faults.crash import Outcome, Scenario, Site
from tests.harness.api import DEPLOYMENT
from tests.harness.deployments import ANALYZE, NAME
from tests.harness.lab import Lab
from tests.harness.witness import Witness

# Stable shrinks at the second weight, so scaling down is struck, too.
STEPS = ({"weight": 33}, ANALYZE, {"weight": 67}, {"pause": {"for": "1s"}})


def begin(lab: Lab) -> None:
    rollout.begin(lab, *STEPS)


def is_done(witness: Witness) -> bool:
    served = rollout.stable_version(witness)
    ready = served == "flights-v2" and witness.phase(DEPLOYMENT, NAME) == "Ready"
    return ready and rollout.is_gone(witness, 1)


SCENARIO = Scenario(
    "tests/faults/test_crash_promotion.py",
    begin,
    is_done,
    proceed=rollout.ask_for_the_second_version,
    settings=rollout.SETTINGS,
)


@pytest.fixture(scope="module")
def fault_free(site: Site) -> Outcome:
    return crash.without_fault(site, SCENARIO)


def test_a_crash_at_any_write_changes_nothing(
    site: Site, fault_free: Outcome, pytestconfig: pytest.Config
) -> None:
    cases = crash.chosen(SCENARIO.cases(fault_free.writes), pytestconfig)
    crash.assert_the_same_world(site, SCENARIO, cases, fault_free)
