"""The e-process on one share: exact values, coverage at every look."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats.mixtures import log_mean, prior
from trimtab.stats.shares import log_e_above, log_e_below, upper_bound

PROPERTY = settings(max_examples=20, deadline=None)


def test_clean_traffic_passes_close_to_the_least_possible() -> None:
    """(1 - r)^n <= alpha is the least any test can need; the prior costs ln(1 / 0.9) / r trials more."""
    for alpha in (0.05, 0.0125):
        n = math.ceil((math.log(1 / alpha) + math.log(1 / 0.9)) / 0.005)
        assert upper_bound(n, 0, alpha) < 0.005 < upper_bound(int(n * 0.95), 0, alpha)


def test_one_error_does_not_shut_the_door() -> None:
    assert upper_bound(5_000, 1, 0.0125) < 0.005


def test_no_trials_know_nothing() -> None:
    assert upper_bound(0, 0, 0.01) == 1
    assert log_e_above(0, 0, 0.01) == pytest.approx(0)
    assert log_e_below(0, 0, 0.01) == pytest.approx(0)


counts = st.integers(0, 20_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
LIMIT = st.floats(1e-4, 0.9)


@PROPERTY
@given(counts, st.floats(1e-4, 0.5))
def test_bound_lies_above_the_share_and_agrees_with_the_e_value(seen: tuple[int, int], alpha: float) -> None:
    trials, events = seen
    bound = upper_bound(trials, events, alpha)
    assert events / max(trials, 1) <= bound <= 1
    if 0 < bound < 0.999:
        assert log_e_below(trials, events, bound) == pytest.approx(math.log(1 / alpha), abs=1e-4)


@PROPERTY
@given(counts, LIMIT)
def test_more_events_speak_for_a_larger_share(seen: tuple[int, int], limit: float) -> None:
    trials, events = seen
    if events == trials:
        return
    assert log_e_above(trials, events + 1, limit) >= log_e_above(trials, events, limit)
    assert log_e_below(trials, events + 1, limit) <= log_e_below(trials, events, limit)


def ever_crossing(share: float, limit: float, *, below: bool, seed: int) -> float:
    """Share of 1,000 runs whose e-value reaches 20 at one of 150 looks, every 8 trials."""
    generator = np.random.default_rng(seed)
    events = np.cumsum(generator.binomial(8, share, size=(1_000, 150)), axis=1)
    e_value = log_e_below if below else log_e_above
    crossing = [
        [e_value(8 * look, x, limit) >= math.log(20) for x in range(int(events[:, look - 1].max()) + 1)]
        for look in range(1, 151)
    ]
    crossed = [np.array(at_look)[events[:, look]] for look, at_look in enumerate(crossing)]
    return float(np.any(crossed, axis=0).mean())


@pytest.mark.parametrize("below", [False, True])
def test_false_rejections_at_every_look_stay_within_alpha(below: bool) -> None:
    tolerance = 3 * math.sqrt(0.05 * 0.95 / 1_000)
    assert ever_crossing(0.05, 0.05, below=below, seed=1) <= 0.05 + tolerance


def test_real_differences_are_found() -> None:
    assert ever_crossing(0.10, 0.05, below=False, seed=2) > 0.99
    assert ever_crossing(0.01, 0.05, below=True, seed=3) > 0.99


def test_a_prior_must_be_one_sided_and_sum_to_one() -> None:
    for atoms in (((0.5, 0.5), (2.0, 0.5)), ((1.0, 0.5), (2.0, 0.5)), ((-1.0, 1.0),)):
        with pytest.raises(ValueError, match="multipliers"):
            prior(*atoms)
    with pytest.raises(ValueError, match="sum to 1"):
        prior((2.0, 0.7), (3.0, 0.7))


def test_log_mean() -> None:
    atoms = prior((2.0, 0.25), (3.0, 0.75))
    assert log_mean(atoms, (math.log(4), math.log(8))) == pytest.approx(math.log(7))
    assert log_mean(atoms, (800.0, -math.inf)) == pytest.approx(800 + math.log(0.25))
    assert log_mean(atoms, (-math.inf, -math.inf)) == -math.inf


def test_nonsense_is_refused() -> None:
    for trials, events, limit in ((1, 2, 0.1), (-1, -1, 0.1), (1, 1, 0.0), (1, 1, 1.0)):
        with pytest.raises(ValueError, match="0 <= events <= trials"):
            log_e_above(trials, events, limit)
