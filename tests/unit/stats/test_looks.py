"""One-look distribution checks: train-serve skew and prediction shift."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.stats.shift import ScoreTable, look_at_shift
from trimtab.stats.skew import LookLimits, SideTable, SkewOutcome, SkewTable, look_at_skew
from trimtab.stats.verdicts import CanaryVerdict

PROPERTY = settings(max_examples=20, deadline=None)

LIMITS = LookLimits(alpha=0.0125, looks=2, samples=300, floor=0.1)
REFERENCE = [300] * 20
CALM = SideTable(REFERENCE, [15] * 20)
MOVED = SideTable(REFERENCE, [300, *[0] * 19])
BUSY = SideTable(REFERENCE, [100] * 20)
BUSY_MOVED = SideTable(REFERENCE, [1_000, *[50] * 19])
FEW = SideTable(REFERENCE, [2] * 20)
SILENT = SideTable(REFERENCE, [0] * 20)


@pytest.mark.parametrize(
    ("candidate", "stable", "verdict", "outcome", "why"),
    [
        (CALM, BUSY, CanaryVerdict.PASS, SkewOutcome.CLEAN, "both as trained"),
        (MOVED, BUSY, CanaryVerdict.FAIL, SkewOutcome.SKEWED, "only the candidate is off: wrong units"),
        (MOVED, BUSY_MOVED, CanaryVerdict.PASS, SkewOutcome.SHARED, "the world moved for both"),
        (MOVED, FEW, CanaryVerdict.INCONCLUSIVE, SkewOutcome.UNDECIDED, "stable has too few rows to vouch"),
        (MOVED, SILENT, CanaryVerdict.INCONCLUSIVE, SkewOutcome.UNDECIDED, "stable has no rows"),
        (MOVED, None, CanaryVerdict.INCONCLUSIVE, SkewOutcome.UNDECIDED, "stable has no such feature"),
        (CALM, BUSY_MOVED, CanaryVerdict.PASS, SkewOutcome.CLEAN, "a retrained model fits the new world"),
    ],
)
def test_skew(
    candidate: SideTable, stable: SideTable | None, verdict: CanaryVerdict, outcome: SkewOutcome, why: str
) -> None:
    look = look_at_skew([SkewTable("temp", candidate, stable)], LIMITS)
    assert (look.verdict, look.features[0].outcome) == (verdict, outcome), why


def test_only_the_features_in_wrong_units_fail() -> None:
    tables = [SkewTable(name, CALM, BUSY) for name in ("hour", "wind", "carrier")]
    tables += [SkewTable("dewp", SideTable(REFERENCE, [200, 100, *[0] * 18]), BUSY)]
    tables += [SkewTable("temp", MOVED, BUSY)]
    look = look_at_skew(tables, LIMITS)
    assert look.failing == ("temp", "dewp")
    assert look.level == pytest.approx(0.0125 / 2 / 5)


def test_before_its_rows_are_there_no_look_is_spent() -> None:
    early = look_at_skew([SkewTable("temp", SideTable(REFERENCE, [299, *[0] * 19]), BUSY)], LIMITS)
    none = look_at_skew([SkewTable("temp", SILENT, BUSY)], LIMITS)
    assert (early.verdict, early.features) == (CanaryVerdict.INCONCLUSIVE, ())
    assert none.verdict is CanaryVerdict.NO_DATA


def test_sound_candidates_rarely_fail() -> None:
    """Without the floor, so that the level alone is tested: 2 looks of 5 features at alpha 0.1."""
    generator = np.random.default_rng(2)
    limits = LookLimits(alpha=0.1, looks=2, samples=300, floor=1e-6)
    shares = np.full(20, 0.05)

    def fails() -> bool:
        tables = [
            SkewTable(
                str(i),
                SideTable(generator.multinomial(6_000, shares), generator.multinomial(300, shares)),
                BUSY,
            )
            for i in range(5)
        ]
        outcomes = {f.outcome for f in look_at_skew(tables, limits).features}
        return outcomes != {SkewOutcome.CLEAN}

    assert np.mean([fails() or fails() for _ in range(120)]) < 0.1 + 3 * (0.09 / 120) ** 0.5


sides = st.lists(st.integers(0, 400), min_size=4, max_size=4)


@PROPERTY
@given(sides.filter(any), sides, sides.filter(any), sides)
def test_any_counts_have_a_verdict(a: list[int], b: list[int], c: list[int], d: list[int]) -> None:
    look = look_at_skew([SkewTable("x", SideTable(a, b), SideTable(c, d))], LIMITS)
    assert (look.verdict is CanaryVerdict.FAIL) == bool(look.failing)


EDGES = [bucket / 50 for bucket in range(1, 50)]


def scores(live: list[int], edges: list[float] = EDGES) -> ScoreTable:
    return ScoreTable(edges, [10] * (len(edges) + 1), live)


@pytest.mark.parametrize(
    ("candidate", "verdict", "why"),
    [
        ([20] * 50, CanaryVerdict.PASS, "the same scores"),
        (list(range(50)), CanaryVerdict.FAIL, "more high scores"),
        ([1] * 50, CanaryVerdict.INCONCLUSIVE, "too few rows: no look"),
        ([0] * 50, CanaryVerdict.NO_DATA, "none"),
    ],
)
def test_shift(candidate: list[int], verdict: CanaryVerdict, why: str) -> None:
    assert look_at_shift(scores([20] * 50), scores(candidate), LIMITS).verdict is verdict, why


def test_versions_with_other_edges_meet_at_the_common_ones() -> None:
    """The candidate's 25 buckets are pairs of stable's 50, and one of its edges is its own."""
    own = sorted([*EDGES[1::2], 0.013])
    candidate = scores([20, 20, *[40] * 24], own)
    found = look_at_shift(scores([20] * 50), candidate, LIMITS)
    assert (found.verdict, found.psi_adjusted) == (CanaryVerdict.PASS, pytest.approx(-9 * 2 / 1_000))


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="looks"):
        LookLimits(alpha=0.05, looks=0, samples=10)
    with pytest.raises(ValueError, match="at least one feature"):
        look_at_skew([], LIMITS)
    with pytest.raises(ValueError, match="grouping"):
        look_at_shift(scores([1] * 49), scores([1] * 50), LIMITS)
