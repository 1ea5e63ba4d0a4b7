"""Error guarantees and detection delay of the canary rate test, simulated with the code that judges.

Not part of the checks (minutes). Run: python tests/simulations/canary_rates.py [runs]
Prints, per scenario, the share of runs that failed and passed at any look, and the candidate requests until
then. A look follows every interval of 100 requests. Exits 1 if a sound candidate fails more often than alpha
allows, three standard errors granted.
"""

import sys
from dataclasses import dataclass

import numpy as np

from trimtab.stats.evidence import RateEvidence, add_interval, error_limits, no_evidence
from trimtab.stats.rates import judge, log_e_fail, log_threshold
from trimtab.stats.ratios import SideCounts
from trimtab.stats.verdicts import CanaryVerdict

ALPHA = 0.05 / 4
INTERVAL_REQUESTS = 100
INTERVALS = 300


@dataclass(frozen=True)
class Scenario:
    name: str
    stable: float  # error rates
    candidate: float
    weight: float  # candidate's share of requests
    sound: bool  # within max_ratio: may fail with probability <= alpha


SCENARIOS = (
    Scenario("same version, 1 % errors, weight 5", 0.01, 0.01, 0.05, True),
    Scenario("same version, 1 % errors, weight 50", 0.01, 0.01, 0.5, True),
    Scenario("exactly twice stable's rate, weight 50", 0.02, 0.04, 0.5, True),
    Scenario("exactly twice stable's rate, weight 5", 0.1, 0.2, 0.05, True),
    Scenario("500 to everything, weight 5", 0.0, 1.0, 0.05, False),
    Scenario("500 to everything, weight 50", 0.0, 1.0, 0.5, False),
    Scenario("10 % against 1 %, weight 5", 0.01, 0.10, 0.05, False),
    Scenario("10 % against 1 %, weight 50", 0.01, 0.10, 0.5, False),
    Scenario("5 % against 1 %, weight 50", 0.01, 0.05, 0.5, False),
    Scenario("clean, weight 5", 0.0, 0.0, 0.05, True),
    Scenario("clean, weight 50", 0.0, 0.0, 0.5, True),
)


def one_run(scenario: Scenario, generator: np.random.Generator) -> tuple[CanaryVerdict, int]:
    """First Pass or Fail, else Inconclusive; a Fail after a Pass counts as Fail (e-processes run on)."""
    evidence, passed = no_evidence(error_limits()), 0
    for _ in range(INTERVALS):
        evidence = add_interval(evidence, **_interval(scenario, generator))
        if log_e_fail(evidence) >= log_threshold(ALPHA):
            return CanaryVerdict.FAIL, int(evidence.candidate.trials)
        passed = passed or _passed_at(evidence)
    return (CanaryVerdict.PASS, passed) if passed else (CanaryVerdict.INCONCLUSIVE, 0)


def _passed_at(evidence: RateEvidence) -> int:
    found = judge(evidence, alpha=ALPHA)
    return found.samples if found.verdict is CanaryVerdict.PASS else 0


def _interval(scenario: Scenario, generator: np.random.Generator) -> dict[str, SideCounts]:
    trials = int(generator.binomial(INTERVAL_REQUESTS, scenario.weight))
    rest = INTERVAL_REQUESTS - trials
    return {
        "stable": SideCounts(rest, int(generator.binomial(rest, scenario.stable))),
        "candidate": SideCounts(trials, int(generator.binomial(trials, scenario.candidate))),
    }


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    generator, broken = np.random.default_rng(20), 0
    print(f"{runs} runs each, {INTERVALS} looks, alpha {ALPHA}")
    for scenario in SCENARIOS:
        results = [one_run(scenario, generator) for _ in range(runs)]
        failed = [n for verdict, n in results if verdict is CanaryVerdict.FAIL]
        passed = [n for verdict, n in results if verdict is CanaryVerdict.PASS]
        print(f"{scenario.name:42} fail {_summary(failed, runs)}  pass {_summary(passed, runs)}")
        broken += scenario.sound and len(failed) / runs > ALPHA + 3 * (ALPHA / runs) ** 0.5
    return 1 if broken else 0


def _summary(samples: list[int], runs: int) -> str:
    if not samples:
        return "0.000                "
    return f"{len(samples) / runs:.3f} at {np.median(samples):6.0f} (p90 {np.quantile(samples, 0.9):6.0f})"


if __name__ == "__main__":
    sys.exit(main())
