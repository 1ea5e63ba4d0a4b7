"""Answers to the same requests: which are pairs, which pairs agree, and when there are surely too few."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from tests.unit.operator import deployment_samples as samples
from tests.unit.operator.effort import examples
from tests.unit.operator.samples import NOW, digest

from trimtab.apis.v1alpha1.analysis import Metric
from trimtab.apis.v1alpha1.deployment_status import StepStatus
from trimtab.deployment import checkpoint
from trimtab.deployment.agreement import Agreement, Joined, joined
from trimtab.deployment.analysis import Verdict
from trimtab.deployment.evidence import Evidence
from trimtab.deployment.judge_agreement import judge_agreement
from trimtab.deployment.mirrored import at_share
from trimtab.deployment.pod_counters import SideName
from trimtab.deployment.steps import Share, position
from trimtab.stats.agreement import is_surely_below
from trimtab_runtime.contract.answers import Answers, key_of

HALVES: dict[SideName, float] = {"stable": 0.5, "candidate": 0.5}
METRIC = Metric(name="same", preset="agreement", min_agreement="0.9", on_fail="Abort")
STEPS = [{"shadow": {"percent": 20}}, {"analyze": {"minSamples": 100}}, {"weight": 50}, {"analyze": {}}]


def pages(stable: dict[str, float], candidate: dict[str, float]) -> list[tuple[SideName, Answers]]:
    """One pod of each side, with one epoch."""
    return [
        ("stable", Answers(digest("1"), {7: {key_of(k.encode()): s for k, s in stable.items()}})),
        ("candidate", Answers(digest("2"), {8: {key_of(k.encode()): s for k, s in candidate.items()}})),
    ]


def test_what_both_sides_answered_is_a_pair_and_counts_once() -> None:
    begun = joined(Joined(), pages({}, {}), HALVES)
    seen = joined(begun, pages({"a": 0.4, "b": 0.6, "c": 0.9}, {"a": 0.45, "b": 0.4}), HALVES)
    assert seen.agreement == Agreement(2, 1, pytest.approx(0.25))
    again = joined(seen, pages({"a": 0.4, "b": 0.6, "c": 0.9}, {"b": 0.4, "c": 0.8}), HALVES)
    assert again.agreement == Agreement(3, 2, pytest.approx(0.35))


def test_each_side_has_a_threshold_of_its_own() -> None:
    begun = joined(Joined(), [], HALVES)
    found = joined(begun, pages({"a": 0.3}, {"a": 0.6}), {"stable": 0.2, "candidate": 0.5})
    assert found.agreement.agreeing == 1


def test_a_process_that_begins_counts_no_pair_of_before() -> None:
    """Its predecessor may have counted them."""
    restarted = joined(Joined(Agreement(5, 5, 0.0)), pages({"a": 0.4}, {"a": 0.4}), HALVES)
    assert restarted.agreement == Agreement(5, 5, 0.0)
    assert joined(restarted, pages({"a": 0.4, "b": 0.1}, {"a": 0.4, "b": 0.1}), HALVES).agreement.pairs == 6


@examples(40)
@given(
    st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=20),
    st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=20),
)
def test_never_more_pairs_than_either_side_has_answers(
    stable: dict[str, float], candidate: dict[str, float]
) -> None:
    found = joined(joined(Joined(), [], HALVES), pages(stable, candidate), HALVES).agreement
    assert found.pairs == len(stable.keys() & candidate.keys())
    assert 0 <= found.agreeing <= found.pairs
    assert 0 <= found.difference <= found.pairs


@pytest.mark.parametrize(("agreeing", "pairs", "least"), [(85, 100, 0.9), (80, 100, 0.9), (0, 3, 0.5)])
def test_the_level_is_that_of_the_exact_test(agreeing: int, pairs: int, least: float) -> None:
    tail = float(binom.cdf(agreeing, pairs, least))
    assert is_surely_below(agreeing, pairs, least=least, level=tail * 1.001)
    assert not is_surely_below(agreeing, pairs, least=least, level=tail * 0.999)


def test_nothing_is_surely_below_without_pairs() -> None:
    assert not is_surely_below(0, 0, least=0.9, level=0.05)


@pytest.mark.parametrize(
    ("agreement", "step", "expected", "words"),
    [
        (Agreement(), 1, Verdict.NO_DATA, "no request that both"),
        (Agreement(50, 50, 1.0), 1, Verdict.INCONCLUSIVE, "waits for 50 more"),
        (Agreement(100, 96, 1.0), 0, Verdict.INCONCLUSIVE, "looks in analyze steps"),
        (
            Agreement(100, 96, 1.0),
            1,
            Verdict.PASS,
            "96.0 % of 100 pairs are of one class, scores differ by 0.010",
        ),
        (Agreement(100, 86, 1.0), 1, Verdict.PASS, "86.0 % of 100 pairs"),  # below, but not surely
        (Agreement(100, 70, 9.0), 1, Verdict.FAIL, "70.0 % of 100 pairs"),
        (Agreement(100, 70, 9.0), 3, Verdict.PASS, "no longer copied"),
    ],
)
def test_verdicts(agreement: Agreement, step: int, expected: Verdict, words: str) -> None:
    at = position(
        samples.spec(rollout={"steps": STEPS}).rollout.steps, StepStatus(index=step, started_at=NOW)
    )
    found = judge_agreement(METRIC, Evidence("t", NOW, agreement=agreement), alpha=0.05, looks=2, at=at)
    assert found.verdict is expected
    assert words in found.message
    assert found.looked == (step == 1 and agreement.pairs >= 100)


def test_pairs_survive_the_process_and_the_first_weight() -> None:
    evidence = Evidence("t", NOW, agreement=Agreement(10, 9, 0.5), mirrored=True)
    assert checkpoint.load(checkpoint.dump(evidence)).agreement == evidence.agreement
    assert at_share(evidence, Share(weight=10), 10).agreement == evidence.agreement
    stored = checkpoint.dump(evidence)
    del stored["agreement"]
    assert checkpoint.load(stored).agreement == Agreement(), "as written by an operator that knew none"


def test_the_operator_does_without_the_largest_part_of_scipy() -> None:
    """scipy.stats would cost it 60 MiB, and a second at its start."""
    program = "import sys, trimtab.runtime.process; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
