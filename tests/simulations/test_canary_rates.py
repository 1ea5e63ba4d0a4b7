"""The promises of the canary's rate test, and of its docs, kept by simulation.

TRIMTAB_SIMULATED_RUNS: how many rollouts per scenario.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from tests.simulations import traffic
from tests.simulations.checkers import Checker
from tests.simulations.detection import OURS, RATIOS, costs, false_alarms_when_worse
from tests.simulations.false_alarms import ALPHA, LOOKS, SCENARIOS, Scenario, simulate
from tests.simulations.sequential import first_look, log_e_fail, log_e_pass
from tests.simulations.traffic import Counts, Traffic

from trimtab.stats import rates
from trimtab.stats.evidence import RateEvidence, RateLimits, add_interval, error_limits, no_evidence
from trimtab.stats.ratios import SideCounts

RUNS = int(os.environ.get("TRIMTAB_SIMULATED_RUNS", "10000"))
SEED = 20


def evidence_at_every_look(counts: Counts, run: int, limits: RateLimits) -> list[RateEvidence]:
    """As the operator grows it, interval by interval."""
    columns = (numbers[run] for numbers in vars(counts).values())
    evidence, seen = no_evidence(limits), []
    for stable, failed_stable, candidate, failed in zip(*columns, strict=True):
        evidence = add_interval(
            evidence, stable=SideCounts(stable, failed_stable), candidate=SideCounts(candidate, failed)
        )
        seen.append(evidence)
    return seen


@pytest.mark.parametrize(
    "made",
    [
        Traffic(100, 0.2, 0.01, 0.03),
        Traffic(3, 0.3, 0.1, 0.1),  # with seconds in which a side has no request
    ],
)
def test_the_arrays_hold_what_the_operator_computes(made: Traffic) -> None:
    counts = traffic.independent(made, 20, 60, np.random.default_rng(SEED))
    limits = error_limits()
    assert limits.pass_ratio is not None
    fail, passed = log_e_fail(counts, limits.max_ratio), log_e_pass(counts, limits.pass_ratio)
    only_ratio = RateLimits(limits.max_ratio, limits.pass_ratio)
    for run in range(20):
        seen = evidence_at_every_look(counts, run, only_ratio)
        assert np.allclose(fail[run], [rates.log_e_fail(evidence) for evidence in seen], atol=1e-9)
        assert np.allclose(passed[run], [rates.log_e_pass(evidence) for evidence in seen], atol=1e-9)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_sound_candidate_is_given_up_with_at_most_alpha(scenario: Scenario) -> None:
    """However often one looks; and where alpha is not kept, it is not: the docs say so."""
    for seconds, found in simulate(scenario, RUNS, SEED).items():
        if seconds in scenario.holds:
            assert found.upper() <= ALPHA, (seconds, found)
        else:
            assert found.lower() > ALPHA, (seconds, found)


def test_every_schedule_is_promised_somewhere() -> None:
    assert {seconds for scenario in SCENARIOS for seconds in scenario.holds} == set(LOOKS)


def test_a_candidate_at_the_limit_passes_with_at_most_alpha() -> None:
    """Twice stable's rate is what must not pass, at every look."""
    counts = traffic.independent(Traffic(100, 0.2, 0.01, 0.02), RUNS // 4, 300, np.random.default_rng(SEED))
    passed = int((first_look(log_e_pass(counts, 2.0), ALPHA) >= 0).sum())
    assert passed / (RUNS // 4) <= ALPHA


@pytest.mark.parametrize("tolerated", RATIOS)
def test_fewer_bad_requests_than_any_check_at_intervals(tolerated: float) -> None:
    """Also than the checker that suits each ratio best, at a limit tuned on thousands of sound rollouts."""
    found = costs(RUNS // 20, RUNS // 5, SEED, tolerated)
    for ratio in RATIOS[tolerated]:
        best = min(row[ratio].errors for name, row in found.items() if isinstance(name, Checker))
        assert found[OURS][ratio].errors < best, ratio


def test_a_bad_hour_for_both_sides_fools_a_fixed_limit_only() -> None:
    given_up = false_alarms_when_worse(RUNS // 20, RUNS // 5, SEED, factor=2.0)
    assert given_up[OURS] <= ALPHA
    for name, share in given_up.items():
        if isinstance(name, Checker) and name.against == "limit":
            assert share > 0.9
