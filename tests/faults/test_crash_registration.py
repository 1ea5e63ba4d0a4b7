"""kill -9 before and after every write on the way from an Experiment to its approved ModelVersion."""

from __future__ import annotations

import pytest
from tests.faults import crash
from tests.faults.crash import Outcome, Scenario, Site
from tests.harness.api import EXPERIMENT, MODEL_VERSION
from tests.harness.lab import Lab, plant_approved_version
from tests.harness.witness import Witness

SEARCH = {"spec.budget": {"maxTrials": 6, "parallelTrials": 6, "maxFailedTrials": 1}}


def begin(lab: Lab) -> None:
    """A search of six trials on a model that has a champion."""
    plant_approved_version(lab.api, 1)
    lab.create(lab.experiment("flights", SEARCH))


def is_done(witness: Witness) -> bool:
    return (
        witness.phase(EXPERIMENT, "flights") == "Succeeded"
        and witness.phase(MODEL_VERSION, "flights-v2") == "Approved"
    )


# The first is left out when the Experiment names the version before the version is looked at.
OVERTAKEN = {"PUT modelversions/flights-v2/status (Registered)": "PUT experiments/flights/status (Succeeded)"}
SCENARIO = Scenario("tests/faults/test_crash_registration.py", begin, is_done, OVERTAKEN)


@pytest.fixture(scope="module")
def fault_free(site: Site) -> Outcome:
    return crash.without_fault(site, SCENARIO)


def test_the_path_has_more_than_thirty_writes(fault_free: Outcome) -> None:
    assert len(fault_free.writes) > 30


def test_a_crash_at_any_write_changes_nothing(
    site: Site, fault_free: Outcome, pytestconfig: pytest.Config
) -> None:
    cases = crash.chosen(SCENARIO.cases(fault_free.writes), pytestconfig)
    crash.assert_the_same_world(site, SCENARIO, cases, fault_free)
