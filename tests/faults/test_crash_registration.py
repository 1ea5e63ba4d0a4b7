"""kill -9 before and after every write on the way from an Experiment to its approved ModelVersion."""

from __future__ import annotations

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.faults import crash
from tests.faults.crash import Case, Outcome, Scenario, Site
from tests.harness import access
from tests.harness.api import EXPERIMENT, MODEL_VERSION
from tests.harness.background import Background
from tests.harness.lab import Lab, plant_approved_version
from tests.harness.witness import Witness
from tests.harness.zygote import Zygote
from tests.registry import LocalRegistry

TEST = "tests/faults/test_crash_registration.py"
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
SCENARIO = Scenario(begin, is_done, OVERTAKEN)


@pytest.fixture(scope="module")
def site(
    control_plane: ControlPlane,
    background: Background,
    data_registry: LocalRegistry,
    zygote: Zygote,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    folder = tmp_path_factory.mktemp("crash")
    return Site(access.of_kubeconfig(control_plane.kubeconfig), background, data_registry, zygote, folder)


@pytest.fixture(scope="module")
def fault_free(site: Site) -> Outcome:
    outcome = site.run(SCENARIO)
    print(f"\nwithout a fault: {len(outcome.writes)} writes in {outcome.seconds:.1f} s")
    for write in outcome.writes:
        print(f"  {write}")
    assert outcome.problems == ()
    return outcome


def test_the_path_has_more_than_thirty_writes(fault_free: Outcome) -> None:
    assert len(fault_free.writes) > 30


def test_a_crash_at_any_write_changes_nothing(
    site: Site, fault_free: Outcome, pytestconfig: pytest.Config
) -> None:
    cases = _chosen(SCENARIO.cases(fault_free.writes), pytestconfig)
    outcomes = crash.run_all(site, SCENARIO, cases, fault_free.world)
    _print(outcomes)
    failures = crash.report(outcomes, TEST)
    assert not failures, f"the same world was not reached:\n{failures}"
    assert crash.missed(outcomes) == []


def _chosen(cases: list[Case], options: pytest.Config) -> list[Case]:
    index, side = options.getoption("index", None), options.getoption("side", None)
    every, offset = options.getoption("every", 1), options.getoption("offset", 0)
    return [
        case
        for case in cases
        if index in (None, case.index) and side in (None, case.side) and case.index % every == offset % every
    ]


def _print(outcomes: list[Outcome]) -> None:
    seconds = sorted(outcome.seconds for outcome in outcomes)
    struck = sum(bool(outcome.struck) for outcome in outcomes)
    print(
        f"\n{len(outcomes)} runs, {struck} struck, "
        f"{seconds[len(seconds) // 2]:.1f} s median, {seconds[-1]:.1f} s longest"
    )
