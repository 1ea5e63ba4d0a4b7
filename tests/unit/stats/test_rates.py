"""The canary rate test: verdicts, checkpoints, error guarantees at every look, and the projection."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats.evidence import (
    RateEvidence,
    RateLimits,
    add_interval,
    error_limits,
    latency_limits,
    merge,
    no_evidence,
    read_evidence,
)
from trimtab.stats.horizon import samples_to_verdict
from trimtab.stats.mixtures import Prior, log_mean
from trimtab.stats.rates import judge
from trimtab.stats.ratios import ABOVE, BELOW, SideCounts, log_ratios
from trimtab.stats.verdicts import CanaryVerdict

PROPERTY = settings(max_examples=20, deadline=None)

ALPHA = 0.05 / 4
ERRORS = error_limits()
RUNS = 3_000


def seen(*, stable: tuple[int, int], candidate: tuple[int, int], limits: RateLimits = ERRORS) -> RateEvidence:
    """Evidence of one interval, each side as (trials, events)."""
    return add_interval(no_evidence(limits), stable=SideCounts(*stable), candidate=SideCounts(*candidate))


@pytest.mark.parametrize(
    ("stable", "candidate", "expected", "why"),
    [
        ((95, 0), (5, 5), CanaryVerdict.FAIL, "five of five are 500s: a handful is enough at 5 %"),
        ((20, 0), (20, 20), CanaryVerdict.FAIL, "at equal shares a little more than a handful"),
        ((95, 0), (5, 1), CanaryVerdict.INCONCLUSIVE, "one error is bad luck"),
        ((20_000, 0), (1_000, 0), CanaryVerdict.PASS, "clean beyond ln(1/alpha)/maxAbsolute"),
        ((20_000, 0), (700, 0), CanaryVerdict.INCONCLUSIVE, "clean, but too few to show 0.5 %"),
        ((9_500, 95), (500, 5), CanaryVerdict.INCONCLUSIVE, "as bad as stable, still too few events"),
        ((50_000, 1_000), (50_000, 1_000), CanaryVerdict.PASS, "2 % on both sides: the ratio is far from 2"),
        ((50_000, 1_000), (50_000, 3_000), CanaryVerdict.FAIL, "three times stable's rate"),
        ((95, 0), (0, 0), CanaryVerdict.NO_DATA, "no request reached the candidate"),
        ((0, 0), (2_000, 0), CanaryVerdict.PASS, "without stable traffic the absolute limit still passes"),
        ((0, 0), (200, 200), CanaryVerdict.INCONCLUSIVE, "without stable traffic nothing fails a ratio"),
    ],
)
def test_verdicts(
    stable: tuple[int, int], candidate: tuple[int, int], expected: CanaryVerdict, why: str
) -> None:
    assert judge(seen(stable=stable, candidate=candidate), alpha=ALPHA).verdict is expected, why


def test_min_samples_guards_pass_only() -> None:
    good = seen(stable=(20_000, 0), candidate=(1_000, 0))
    bad = seen(stable=(95, 0), candidate=(5, 5))
    assert judge(good, alpha=ALPHA, min_samples=1_001).verdict is CanaryVerdict.INCONCLUSIVE
    assert judge(good, alpha=ALPHA, min_samples=1_000).verdict is CanaryVerdict.PASS
    assert judge(bad, alpha=ALPHA, min_samples=500, no_data_below=50).verdict is CanaryVerdict.FAIL
    assert judge(good, alpha=ALPHA, no_data_below=1_001).verdict is CanaryVerdict.NO_DATA


def test_slow_for_both_sides_is_no_fault_of_the_candidate() -> None:
    limits = latency_limits(quantile=0.95)
    shared = seen(stable=(9_000, 2_700), candidate=(1_000, 300), limits=limits)
    own = seen(stable=(9_000, 90), candidate=(1_000, 300), limits=limits)
    within = seen(stable=(9_000, 9), candidate=(1_000, 20), limits=limits)
    assert judge(shared, alpha=ALPHA).verdict is CanaryVerdict.PASS
    assert judge(own, alpha=ALPHA).verdict is CanaryVerdict.FAIL
    assert judge(within, alpha=ALPHA).verdict is CanaryVerdict.PASS


def test_likelihood_ratio_by_hand() -> None:
    """Equal shares, null ratio 2, alternative 4: an event is the candidate's with 2/3 or with 4/5."""
    one = (type(ABOVE[0])(2.0, 1.0),)
    found = log_ratios(one, 2.0, stable=SideCounts(10, 1), candidate=SideCounts(10, 3))
    assert found[0] == pytest.approx(math.log((4 / 5 / (2 / 3)) ** 3 * (1 / 5 / (1 / 3))))


side = st.integers(0, 400).flatmap(lambda n: st.builds(SideCounts, st.just(n), st.integers(0, n)))
intervals = st.lists(st.tuples(side, side), max_size=8)
limits = st.sampled_from(
    [ERRORS, latency_limits(quantile=0.9), RateLimits(1.1, None, 0.01), RateLimits(3, 1.5)]
)


def gather(rule: RateLimits, parts: list[tuple[SideCounts, SideCounts]]) -> RateEvidence:
    evidence = no_evidence(rule)
    for stable, candidate in parts:
        evidence = add_interval(evidence, stable=stable, candidate=candidate)
    return evidence


@PROPERTY
@given(limits, intervals, st.integers(0, 8))
def test_a_restart_changes_nothing(
    rule: RateLimits, parts: list[tuple[SideCounts, SideCounts]], at: int
) -> None:
    straight = gather(rule, parts)
    stored = json.loads(json.dumps(gather(rule, parts[:at]).to_dict()))
    resumed = read_evidence(stored)
    for stable, candidate in parts[at:]:
        resumed = add_interval(resumed, stable=stable, candidate=candidate)
    assert resumed == straight


@PROPERTY
@given(limits, intervals, intervals)
def test_evidence_adds_in_any_order(
    rule: RateLimits,
    left: list[tuple[SideCounts, SideCounts]],
    right: list[tuple[SideCounts, SideCounts]],
) -> None:
    together, swapped = gather(rule, left + right), merge(gather(rule, right), gather(rule, left))
    assert together.candidate == swapped.candidate
    assert together.log_above == pytest.approx(swapped.log_above, abs=1e-9)
    assert together.log_below == pytest.approx(swapped.log_below, abs=1e-9)


@PROPERTY
@given(limits, intervals, st.floats(1e-6, 0.5))
def test_any_counts_have_a_verdict_and_a_horizon(
    rule: RateLimits, parts: list[tuple[SideCounts, SideCounts]], alpha: float
) -> None:
    evidence = gather(rule, parts)
    found, missing = judge(evidence, alpha=alpha), samples_to_verdict(evidence, alpha=alpha)
    if found.verdict in (CanaryVerdict.PASS, CanaryVerdict.FAIL):
        assert missing == 0
    assert missing is None or missing >= 0
    assert 0 <= found.bound <= 1


WEIGHTS = np.concatenate((np.full(20, 0.05), np.full(20, 0.5)))  # the share steps from 5 % to 50 %
BAD_HOUR = np.concatenate((np.full(15, 0.01), np.full(15, 0.30), np.full(10, 0.01)))


def running_log_e(
    atoms: Prior,
    null_ratio: float,
    stable_rate: np.ndarray,
    ratio: float,
    *,
    seed: int,
    candidate_share: np.ndarray = WEIGHTS,
) -> np.ndarray:
    """ln E of every run: 400 requests per interval, one column per interval, which is a look."""
    generator = np.random.default_rng(seed)
    shape = (RUNS, stable_rate.size)
    candidate_trials = np.broadcast_to((400 * candidate_share).astype(int), shape)
    stable_trials = 400 - candidate_trials
    candidate = generator.binomial(candidate_trials, np.minimum(1, stable_rate * ratio))
    events = candidate + generator.binomial(stable_trials, stable_rate)
    base = null_ratio * candidate_trials + stable_trials
    logs = np.stack(
        [
            np.cumsum(
                candidate * math.log(c)
                - events * np.log((c * null_ratio * candidate_trials + stable_trials) / base),
                axis=1,
            )
            for c, _ in atoms
        ]
    )
    weights = np.array([weight for _, weight in atoms])
    return np.asarray(np.log(np.einsum("a,arl->rl", weights, np.exp(np.minimum(logs, 600.0)))))


def ever_above(logs: np.ndarray, alpha: float) -> float:
    return float((logs.max(axis=1) >= math.log(1 / alpha)).mean())


@pytest.mark.parametrize("alpha", [0.05, 0.0125])
def test_false_rollbacks_at_every_look_stay_within_alpha(alpha: float) -> None:
    """The hardest null: exactly the tolerated ratio, through a weight step and an hour bad for both sides."""
    tolerance = 3 * math.sqrt(alpha / RUNS)
    at_the_limit = running_log_e(ABOVE, 2.0, BAD_HOUR, 2.0, seed=1)
    same_version = running_log_e(ABOVE, 2.0, BAD_HOUR, 1.0, seed=2)
    any_worse = running_log_e(ABOVE, 1.0, BAD_HOUR, 1.0, seed=3)
    assert ever_above(at_the_limit, alpha) <= alpha + tolerance
    assert ever_above(any_worse, alpha) <= alpha + tolerance
    assert ever_above(same_version, alpha) <= alpha / 5


def test_false_passes_at_every_look_stay_within_alpha() -> None:
    logs = running_log_e(BELOW, 2.0, BAD_HOUR, 2.0, seed=4)
    assert ever_above(logs, ALPHA) <= ALPHA + 3 * math.sqrt(ALPHA / RUNS)


def test_bad_candidates_fail_and_good_ones_pass() -> None:
    rate = np.full(40, 0.02)
    assert ever_above(running_log_e(ABOVE, 2.0, rate, 5.0, seed=5), ALPHA) > 0.99
    assert ever_above(running_log_e(BELOW, 2.0, rate, 0.5, seed=6), ALPHA) > 0.95


def test_the_simulated_process_is_the_one_that_judges() -> None:
    generator = np.random.default_rng(9)
    evidence = no_evidence(ERRORS)
    logs = np.zeros(len(ABOVE))
    for _ in range(20):
        n_c, n_s = (int(n) for n in generator.integers(1, 200, size=2))
        x_c, x_s = int(generator.binomial(n_c, 0.1)), int(generator.binomial(n_s, 0.05))
        evidence = add_interval(evidence, stable=SideCounts(n_s, x_s), candidate=SideCounts(n_c, x_c))
        multipliers = np.array([atom.multiplier for atom in ABOVE])
        logs += x_c * np.log(multipliers) - (x_c + x_s) * np.log(
            (2 * multipliers * n_c + n_s) / (2 * n_c + n_s)
        )
    assert judge(evidence, alpha=ALPHA).log_e_fail == pytest.approx(log_mean(ABOVE, tuple(logs)))


@pytest.mark.parametrize(
    ("stable", "candidate", "why"),
    [
        ((1_900, 0), (100, 0), "clean"),
        ((1_900, 19), (100, 6), "worse"),
        ((1_900, 38), (100, 2), "the same"),
        ((0, 0), (0, 0), "nothing yet"),
    ],
)
def test_the_projection_is_where_the_verdict_falls(
    stable: tuple[int, int], candidate: tuple[int, int], why: str
) -> None:
    evidence = seen(stable=stable, candidate=candidate)
    missing = samples_to_verdict(evidence, alpha=ALPHA)
    assert missing is not None, why
    share = stable[0] / candidate[0] if candidate[0] else 1.0

    def after(more: int) -> CanaryVerdict:
        ours = SideCounts(more, more * (evidence.candidate.share or 0.0))
        theirs = SideCounts(more * share, more * share * (evidence.stable.share or 0.0))
        return judge(add_interval(evidence, stable=theirs, candidate=ours), alpha=ALPHA).verdict

    assert after(missing) in (CanaryVerdict.PASS, CanaryVerdict.FAIL), why
    assert after(missing - 1) not in (CanaryVerdict.PASS, CanaryVerdict.FAIL), why


def test_the_projection_waits_for_min_samples_before_a_pass() -> None:
    evidence = seen(stable=(20_000, 0), candidate=(1_000, 0))
    assert samples_to_verdict(evidence, alpha=ALPHA) == 0
    assert samples_to_verdict(evidence, alpha=ALPHA, min_samples=1_500) == 500


def test_at_the_limit_there_may_be_no_verdict_in_sight() -> None:
    evidence = seen(stable=(1_000, 20), candidate=(1_000, 40))
    assert samples_to_verdict(evidence, alpha=ALPHA) is None


def test_nonsense_is_refused() -> None:
    evidence = no_evidence(ERRORS)
    with pytest.raises(ValueError, match="another test"):
        merge(evidence, no_evidence(latency_limits(quantile=0.95)))
    with pytest.raises(ValueError, match="events <= trials"):
        SideCounts(1, 2)
    with pytest.raises(ValueError, match="alpha"):
        judge(evidence, alpha=1.0)
    with pytest.raises(ValueError, match="without a way to pass"):
        RateLimits(2.0, None)
    with pytest.raises(ValueError, match="max_ratio"):
        error_limits(max_relative_increase=-0.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", 0), ("limits", [None, 2, 0.1, None]), ("stable", [1]), ("logAbove", ["x"] * len(ABOVE))],
)
def test_a_checkpoint_of_another_kind_is_refused(field: str, value: object) -> None:
    stored = no_evidence(ERRORS).to_dict() | {field: value}
    with pytest.raises(ValueError, match=r"version|max_ratio|list of|numbers"):
        read_evidence(stored)
