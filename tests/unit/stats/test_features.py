"""One window judged: effect and significance together, the power gate, and the acceptance table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from trimtab.stats.features import DriftLimits, FeatureTable, judge_features, mark_of
from trimtab.stats.persistence import Mark, Persistence, PersistenceRule, advance, mark
from trimtab.stats.power import min_samples
from trimtab.stats.verdicts import DriftVerdict, combine

PROPERTY = settings(max_examples=20, deadline=None)

LIMITS = DriftLimits(fdr=0.01, floor=0.1)
UNIFORM = [1_000] * 10


def table(current: list[int], reference: list[int] | None = None, feature: str = "temp") -> FeatureTable:
    return FeatureTable(feature, UNIFORM if reference is None else reference, current)


@pytest.mark.parametrize(
    ("current", "expected", "why"),
    [
        ([60] * 10, DriftVerdict.HEALTHY, "enough rows, nothing moved"),
        ([3] * 10, DriftVerdict.INSUFFICIENT_DATA, "thirty rows prove nothing"),
        ([40, 0, 0, 0, 0, 0, 0, 0, 0, 0], DriftVerdict.DRIFTED, "an obvious break needs no sample gate"),
        ([0] * 10, DriftVerdict.NO_TRAFFIC, "silence is not health"),
        ([5_300, *[5_000] * 8, 4_700], DriftVerdict.HEALTHY, "significant, but far below the floor"),
        ([180, *[100] * 8, 20], DriftVerdict.DRIFTED, "significant and above the floor"),
    ],
)
def test_one_feature(current: list[int], expected: DriftVerdict, why: str) -> None:
    assert judge_features([table(current)], LIMITS).verdict is expected, why


def test_a_constant_feature_is_judged_by_the_rows_a_second_value_needs() -> None:
    needed = min_samples(buckets=2, reference_samples=10_000, effect=0.1, level=0.01)
    assert needed is not None
    for rows, expected in ((needed, DriftVerdict.HEALTHY), (needed - 1, DriftVerdict.INSUFFICIENT_DATA)):
        found = judge_features([table([rows, 0], [10_000, 0])], LIMITS).features[0]
        assert (found.verdict, found.p) == (expected, None)


def test_a_large_distance_that_cannot_be_tested_is_not_healthy() -> None:
    """All rows took a value the reference never had; below 227 rows no cell reaches five expected."""
    for rows, expected in ((200, DriftVerdict.INSUFFICIENT_DATA), (230, DriftVerdict.DRIFTED)):
        assert judge_features([table([0, rows], [10_000, 0])], LIMITS).verdict is expected


def test_the_furthest_feature_comes_first() -> None:
    window = judge_features(
        [
            table([60] * 10, feature="calm"),
            table([180, *[50] * 8, 20], feature="moved"),
            table([400, *[20] * 8, 20], feature="far"),
            table([0] * 10, feature="silent"),
        ],
        LIMITS,
    )
    assert [f.feature for f in window.drifted] == ["far", "moved"]
    assert [f.feature for f in window.top(3)] == ["far", "moved", "calm"]


def test_a_reference_too_small_for_the_floor_never_says_healthy() -> None:
    window = judge_features([table([500] * 10, [10] * 10)], LIMITS)
    assert (window.verdict, window.min_samples) == (DriftVerdict.INSUFFICIENT_DATA, None)


def test_the_gate_counts_the_features_judged_together() -> None:
    alone = judge_features([table([60] * 10)], LIMITS).min_samples
    among = judge_features([table([60] * 10, feature=str(i)) for i in range(15)], LIMITS).min_samples
    assert alone is not None
    assert among == 310
    assert alone < among


def test_broken_input_is_refused() -> None:
    with pytest.raises(ValueError, match="without features"):
        judge_features([], LIMITS)
    with pytest.raises(ValueError, match="without any rows"):
        judge_features([table([1] * 10, [0] * 10)], LIMITS)
    with pytest.raises(ValueError, match="fdr"):
        DriftLimits(fdr=0.9)


V = DriftVerdict


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([V.HEALTHY, V.HEALTHY], V.HEALTHY),
        ([V.HEALTHY, V.DRIFTED, V.INSUFFICIENT_DATA], V.DRIFTED),
        ([V.HEALTHY, V.INSUFFICIENT_DATA], V.INSUFFICIENT_DATA),
        ([V.HEALTHY, V.NO_TRAFFIC], V.INSUFFICIENT_DATA),
        ([V.NO_TRAFFIC, V.NO_TRAFFIC], V.NO_TRAFFIC),
        ([], V.INSUFFICIENT_DATA),
    ],
)
def test_combining(parts: list[DriftVerdict], expected: DriftVerdict) -> None:
    assert combine(parts) is expected


ORDERED = tuple(range(10))
RISING = [78, 83, 88, 93, 98, 102, 107, 112, 117, 122]


def test_a_shift_is_seen_by_its_order() -> None:
    """Chi-square of the same counts proves nothing, as it must of categories."""
    limits = DriftLimits(fdr=0.001, floor=0.005)
    plain, ordered = (
        judge_features([FeatureTable("temp", UNIFORM, RISING, order)], limits).features[0]
        for order in ((), ORDERED)
    )
    assert plain.p is not None and ordered.p is not None
    assert ordered.p < 0.001 < plain.p
    assert (plain.verdict, ordered.verdict) == (DriftVerdict.INSUFFICIENT_DATA, DriftVerdict.DRIFTED)


def test_what_has_no_direction_is_seen_as_well() -> None:
    spread = [180, *[80] * 8, 180]
    found = judge_features([FeatureTable("temp", UNIFORM, spread, ORDERED)], LIMITS).features[0]
    assert (found.verdict, found.p) == (
        DriftVerdict.DRIFTED,
        pytest.approx(2 * (judge_features([table(spread)], LIMITS).features[0].p or 1)),
    )


def test_cells_without_an_order_do_not_count_for_it() -> None:
    """Missing, the last cell here, is neither high nor low."""
    missing = [*[100] * 10, 100]
    found = judge_features([FeatureTable("temp", [*UNIFORM, 1_000], missing, ORDERED)], LIMITS).features[0]
    assert found.p == 1.0


@pytest.mark.parametrize(
    ("current", "expected"),
    [
        ([180, *[100] * 8, 20], Mark.ABOVE),
        ([100] * 10, Mark.CLEAR),
        ([3] * 10, Mark.BETWEEN),
        ([0] * 10, None),
    ],
)
def test_marks_of_a_window(current: list[int], expected: Mark | None) -> None:
    """Too few rows clear nothing, and are not passed over; no row is."""
    rule = PersistenceRule(raise_level=LIMITS.floor, clear_level=0.05)
    assert mark_of(judge_features([table(current)], LIMITS).features[0], LIMITS, rule) is expected


side = st.lists(st.integers(0, 5_000), min_size=4, max_size=4)


@PROPERTY
@given(st.lists(st.tuples(side.filter(any), side), min_size=1, max_size=8))
def test_any_valid_counts_have_a_verdict(sides: list[tuple[list[int], list[int]]]) -> None:
    window = judge_features(
        [FeatureTable(str(i), reference, current) for i, (reference, current) in enumerate(sides)], LIMITS
    )
    for found in window.features:
        assert (found.verdict is DriftVerdict.NO_TRAFFIC) == (found.samples == 0)
        if found.verdict is DriftVerdict.DRIFTED:
            assert found.psi_adjusted is not None
            assert found.psi_adjusted >= LIMITS.floor


DECILES = special.ndtri(np.arange(1, 10) / 10)


def normal_shares(shift: float) -> np.ndarray:
    return np.diff(np.concatenate(([0.0], special.ndtr(DECILES - shift), [1.0])))


def raised_windows(shift: float, *, windows: int, seed: int) -> float:
    """Share of windows with an alarm: 50 features, 5 shifted, reference 10,000 rows, windows of 1,000."""
    generator = np.random.default_rng(seed)
    references = generator.multinomial(10_000, np.full(10, 0.1), size=50)
    shifts = [shift] * 5 + [0.0] * 45
    limits = DriftLimits(fdr=0.01, floor=0.02)
    rule = PersistenceRule(raise_level=0.02, clear_level=0.01)
    states, alarms = {str(i): Persistence() for i in range(50)}, 0
    for _ in range(windows):
        tables = [
            FeatureTable(str(i), references[i], generator.multinomial(1_000, normal_shares(shift)))
            for i, shift in enumerate(shifts)
        ]
        for found in judge_features(tables, limits).features:
            assert found.psi_adjusted is not None
            significant = found.p_adjusted is not None and found.p_adjusted <= limits.fdr
            window = mark(found.psi_adjusted, significant=significant, rule=rule)
            states[found.feature] = advance(states[found.feature], window, rule)
        alarms += any(state.raised for state in states.values())
    return alarms / windows


def test_no_alarm_without_drift_where_any_small_p_would_alarm_nearly_always() -> None:
    assert raised_windows(0.0, windows=60, seed=3) == 0


def test_a_small_shift_in_a_tenth_of_the_features_is_seen() -> None:
    assert raised_windows(0.15, windows=40, seed=4) > 0.85
