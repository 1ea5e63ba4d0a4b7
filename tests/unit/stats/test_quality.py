"""Two-proportion tests and the data-quality verdict."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trimtab.stats.proportions import Occurrences, increase, min_samples_for_increase
from trimtab.stats.quality import QualityCheck, QualityShare, judge_quality
from trimtab.stats.verdicts import DriftVerdict

PROPERTY = settings(max_examples=20, deadline=None)


def test_pooled_z_is_the_signed_root_of_the_chi_square() -> None:
    result = increase(Occurrences(100, 1_000), Occurrences(150, 1_000))
    two_sided = stats.chi2_contingency([[100, 900], [150, 850]], correction=False).pvalue
    assert not result.exact
    assert result.p == pytest.approx(two_sided / 2)
    assert result.difference == pytest.approx(0.05)


def test_rare_hits_use_fishers_exact_test() -> None:
    """The documented example of scipy: one-sided p of [[6, 2], [1, 4]], seen from the other side."""
    result = increase(Occurrences(1, 5), Occurrences(6, 8))
    expected = stats.fisher_exact([[6, 2], [1, 4]], alternative="greater").pvalue
    assert result.exact
    assert result.p == pytest.approx(expected)


occurrences = st.integers(1, 20_000).flatmap(
    lambda n: st.builds(Occurrences, st.integers(0, n) | st.integers(0, min(n, 9)), st.just(n))
)


@PROPERTY
@given(occurrences, occurrences)
def test_any_occurrences_have_a_p(reference: Occurrences, current: Occurrences) -> None:
    result = increase(reference, current)
    assert 0 <= result.p <= 1
    if result.exact:
        hits, total = reference.hits + current.hits, reference.total + current.total
        expected = stats.hypergeom.sf(current.hits - 1, total, hits, current.total)
        assert result.p == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert -1 <= result.difference <= 1


@PROPERTY
@given(occurrences, occurrences, st.integers(1, 1_000))
def test_more_hits_are_never_less_significant(
    reference: Occurrences, current: Occurrences, more: int
) -> None:
    worse = Occurrences(min(current.total, current.hits + more), current.total)
    before, after = increase(reference, current), increase(reference, worse)
    assert before.exact != after.exact or after.p <= before.p + 1e-9


def test_a_rise_needs_rows_to_be_seen() -> None:
    reference = Occurrences(0, 6_000)
    found = [
        min_samples_for_increase(reference=reference, increase=rise, level=0.01, power=0.8)
        for rise in (0.05, 0.2)
    ]
    assert found == [100, 25]  # five expected hits; the normal approximation alone would accept fewer
    half = min_samples_for_increase(reference=Occurrences(3_000, 6_000), increase=0.05, level=0.01, power=0.8)
    assert half == 1_202
    assert (
        min_samples_for_increase(reference=Occurrences(5, 10), increase=0.01, level=0.01, power=0.8) is None
    )


def share(
    hits: int, total: int, *, reference: Occurrences | None = None, limit: float = 0.05
) -> QualityShare:
    clean = Occurrences(0, 6_000) if reference is None else reference
    return QualityShare("temp", QualityCheck.MISSING, clean, Occurrences(hits, total), limit)


@pytest.mark.parametrize(
    ("hits", "total", "expected", "why"),
    [
        (0, 600, DriftVerdict.HEALTHY, "clean"),
        (20, 600, DriftVerdict.HEALTHY, "a significant rise within the tolerance"),
        (60, 600, DriftVerdict.DRIFTED, "ten per cent missing"),
        (6, 20, DriftVerdict.DRIFTED, "an obvious break needs no sample gate"),
        (2, 20, DriftVerdict.INSUFFICIENT_DATA, "two rows may be one client"),
        (0, 20, DriftVerdict.INSUFFICIENT_DATA, "twenty clean rows prove nothing"),
        (0, 0, DriftVerdict.NO_TRAFFIC, "silence"),
    ],
)
def test_one_check(hits: int, total: int, expected: DriftVerdict, why: str) -> None:
    assert judge_quality([share(hits, total)]).verdict is expected, why


def test_a_feature_with_many_missing_values_is_measured_from_its_own_share() -> None:
    reference = Occurrences(3_000, 6_000)
    assert judge_quality([share(1_240, 2_400, reference=reference)]).verdict is DriftVerdict.HEALTHY
    assert judge_quality([share(400, 600, reference=reference)]).verdict is DriftVerdict.DRIFTED


def test_the_worst_check_comes_first() -> None:
    checks = [share(60, 600), share(300, 600), share(0, 600)]
    assert [f.share for f in judge_quality(checks).broken] == [0.5, 0.1]


def test_broken_input_is_refused() -> None:
    with pytest.raises(ValueError, match="hits <= total"):
        Occurrences(3, 2)
    with pytest.raises(ValueError, match="without checks"):
        judge_quality([])
    with pytest.raises(ValueError, match="no share"):
        increase(Occurrences(0, 0), Occurrences(1, 1))
