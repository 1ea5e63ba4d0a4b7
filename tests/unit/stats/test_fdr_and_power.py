"""Benjamini-Hochberg and the power gate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trimtab.stats.fdr import benjamini_hochberg
from trimtab.stats.power import min_samples

PROPERTY = settings(max_examples=20, deadline=None)

PROBABILITY = st.floats(0, 1)


def test_documented_example_of_scipy() -> None:
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
    ]
    p += [0.7590, 1.000]
    adjusted = benjamini_hochberg(p)
    expected = [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714, 0.06385714, 0.0645, 0.0765, 0.486]
    assert adjusted[:10] == pytest.approx(expected, abs=5e-9)


def test_untested_hypotheses_do_not_count() -> None:
    assert benjamini_hochberg([0.01, None, 0.04]) == pytest.approx((0.02, None, 0.04))
    assert benjamini_hochberg([None, None]) == (None, None)
    assert benjamini_hochberg([]) == ()


@PROPERTY
@given(st.lists(PROBABILITY, min_size=1, max_size=60))
def test_never_below_p_and_order_preserving(p: list[float]) -> None:
    adjusted = benjamini_hochberg(p)
    assert adjusted == pytest.approx(stats.false_discovery_control(p).tolist())
    pairs = sorted((a, b) for a, b in zip(p, adjusted, strict=True) if b is not None)
    assert all(a <= b + 1e-12 <= 1 + 1e-9 for a, b in pairs)
    assert [b for _, b in pairs] == sorted(b for _, b in pairs)


@pytest.mark.parametrize(
    ("floor", "buckets", "expected"),
    [
        (0.1, 10, 310), (0.1, 20, 394), (0.1, 50, 561),
        (0.05, 10, 639), (0.05, 20, 820), (0.05, 50, 1_188),
        (0.02, 10, 1_767), (0.02, 20, 2_337), (0.02, 50, 3_614),
    ],
)  # fmt: skip
def test_min_samples_for_fifteen_features(floor: float, buckets: int, expected: int) -> None:
    found = min_samples(buckets=buckets, reference_samples=10_000, effect=floor, level=0.01 / 15)
    assert found == expected


@pytest.mark.parametrize("buckets", [2, 10, 20, 50])
def test_min_samples_is_the_first_with_enough_power(buckets: int) -> None:
    n, effect, level = 5_000, 0.07, 0.01 / 15
    found = min_samples(buckets=buckets, reference_samples=n, effect=effect, level=level)
    assert found is not None

    def power(m: int) -> float:
        critical = stats.chi2.isf(level, buckets - 1)
        return float(stats.ncx2.sf(critical, buckets - 1, effect * n * m / (n + m)))

    assert power(found) >= 0.8 > power(found - 1)


def test_a_reference_too_small_for_the_floor() -> None:
    assert min_samples(buckets=20, reference_samples=300, effect=0.1, level=0.01 / 15) is None


@PROPERTY
@given(
    st.integers(1, 60),
    st.integers(1, 10**6),
    st.floats(0.005, 2.0),
    st.floats(1e-6, 0.2),
    st.floats(0.3, 0.99),
)
def test_smaller_effects_need_more(
    buckets: int, reference_samples: int, effect: float, level: float, power: float
) -> None:
    def needed(size: float) -> float:
        m = min_samples(
            buckets=buckets, reference_samples=reference_samples, effect=size, level=level, power=power
        )
        return float("inf") if m is None else m

    assert needed(effect) >= needed(effect * 2) >= 1


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        min_samples(buckets=10, reference_samples=100, effect=0.1, level=0.9)
