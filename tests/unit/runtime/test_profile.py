"""The reference profile: bucket edges, their counts, and the one rule that assigns values to them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab_runtime.contract.buckets import Value, bucket_of, score_bucket
from trimtab_runtime.contract.errors import ContractError
from trimtab_runtime.contract.profile import (
    MAX_BUCKETS,
    MAX_SCORE_EDGES,
    OTHER,
    CategoricalFeature,
    NumericFeature,
    Profile,
    parse_profile,
)
from trimtab_runtime.profiling.features import numeric_edges, profile_feature
from trimtab_runtime.profiling.scores import QUANTILES, performance, score_edges, score_reference
from trimtab_runtime.scoring import auc, brier, log_loss

DIGEST = "sha256:" + "a" * 64

numbers = st.floats(-1e9, 1e9, allow_subnormal=False)
# Mixtures of a continuum and some values that repeat often: zero inflation, sentinels, censoring.
mixtures = st.builds(
    lambda spread, repeated, times, seed: _shuffled(spread + repeated * times, seed),
    st.lists(numbers, min_size=21, max_size=120, unique=True),
    st.lists(numbers, max_size=8),
    st.integers(1, 60),
    st.integers(0, 9),
)


def _shuffled(values: list[float], seed: int) -> list[float]:
    return [values[i] for i in np.random.default_rng(seed).permutation(len(values))]


@given(mixtures, st.integers(0, 5))
def test_numeric_buckets_are_few_and_none_is_empty(values: list[float], missing: int) -> None:
    feature = profile_feature([*values, *[None] * missing], is_number=True)
    assert isinstance(feature, NumericFeature)
    assert len(feature.counts) == len(feature.edges) + 1 <= MAX_BUCKETS
    assert min(feature.counts) >= 1
    assert sum(feature.counts) == len(values) and feature.missing == missing
    assert list(feature.edges) == sorted(set(feature.edges))


@given(mixtures)
def test_the_bucket_rule_reproduces_the_counts(values: list[float]) -> None:
    feature = profile_feature(values, is_number=True)
    found = Counter(bucket_of(feature, value) for value in values)
    assert [found[str(index)] for index in range(len(feature.counts))] == list(feature.counts)


@given(mixtures)
def test_frequent_values_are_alone_in_their_bucket(values: list[float]) -> None:
    """Unless atoms are so many that they leave no room for what lies between them."""
    feature = profile_feature(values, is_number=True)
    counts = Counter(values)
    atoms = [value for value, count in counts.items() if count * MAX_BUCKETS >= len(values)]
    if 2 * len(atoms) + 1 > MAX_BUCKETS:
        return
    for atom in atoms:
        bucket = bucket_of(feature, atom)
        assert {value for value in counts if bucket_of(feature, value) == bucket} == {atom}


def test_a_continuum_is_cut_at_its_quantiles() -> None:
    feature = profile_feature([float(i) for i in range(1000)], is_number=True)
    assert feature.counts == (50,) * 20
    assert isinstance(feature, NumericFeature) and feature.edges[0] == 49.0


def test_zero_inflation_keeps_resolution_for_the_rest() -> None:
    values = [0.0] * 900 + [float(i) for i in range(1, 101)]
    feature = profile_feature(values, is_number=True)
    assert feature.counts[0] == 900 and len(feature.counts) == 20
    assert bucket_of(feature, 1e-9) == "1"  # just above the atom is no atom


def test_values_outside_the_reference_are_counted_apart() -> None:
    feature = profile_feature([float(i) for i in range(100)], is_number=True)
    assert [bucket_of(feature, value) for value in (-0.1, 0.0, 99.0, 99.1, None, math.nan)] == [
        "below",
        "0",
        "19",
        "above",
        "missing",
        "missing",
    ]


def test_twenty_distinct_numbers_are_categories_and_twenty_one_are_not() -> None:
    twenty = [float(i % 20) for i in range(2000)]
    assert isinstance(profile_feature(twenty, is_number=True), CategoricalFeature)
    assert isinstance(profile_feature([*twenty, 20.0], is_number=True), NumericFeature)


def test_a_constant_has_its_value_and_other() -> None:
    feature = profile_feature([3.0] * 50, is_number=True)
    assert feature == CategoricalFeature(values=(3.0, OTHER), counts=(50, 0), missing=0)
    assert (bucket_of(feature, 3), bucket_of(feature, 4.0)) == ("0", "unseen")


def test_rare_categories_are_not_named() -> None:
    values: list[Value] = ["a"] * 10 + ["b"] * 9 + ["c"] * 30 + [None] * 2
    feature = profile_feature(values, is_number=False)
    assert feature == CategoricalFeature(values=("c", "a", OTHER), counts=(30, 10, 9), missing=2)
    assert [bucket_of(feature, value) for value in ("c", "b", "new", None)] == ["0", "2", "2", "missing"]


def test_at_most_nineteen_categories_are_named() -> None:
    values: list[Value] = [f"c{number:02d}" for number in range(40) for _ in range(10 + number)]
    feature = profile_feature(values, is_number=False)
    assert isinstance(feature, CategoricalFeature)
    assert len(feature.values) == 20 and feature.values[0] == "c39" and feature.values[-1] == OTHER


def test_booleans_are_texts() -> None:
    feature = profile_feature([True] * 20 + [False] * 10, is_number=False)
    assert isinstance(feature, CategoricalFeature) and feature.values == ("true", "false", OTHER)
    assert (bucket_of(feature, False), bucket_of(feature, True)) == ("1", "0")


def test_all_missing() -> None:
    feature = profile_feature([None] * 5, is_number=True)
    assert feature == CategoricalFeature(values=(OTHER,), counts=(0,), missing=5)


def test_edges_give_way_when_atoms_leave_no_room() -> None:
    """Twelve atoms of equal mass with single values between them: 25 runs do not fit 20 buckets."""
    distinct = np.arange(25, dtype=np.float64)
    counts = np.array([1 if i % 2 == 0 else 40 for i in range(25)])
    assert len(numeric_edges(distinct, counts)) + 1 <= MAX_BUCKETS


probabilities = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=300).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


@given(probabilities, st.sampled_from([0.5, 0.2, 0.037]))
def test_score_buckets_add_up(rows: list[tuple[float, bool]], threshold: float) -> None:
    scores = np.array([score for score, _ in rows])
    labels = np.array([float(label) for _, label in rows])
    reference = score_reference(labels, scores, threshold)
    assert len(reference.edges) <= MAX_SCORE_EDGES and threshold in reference.edges
    assert sum(reference.counts) == len(rows) and sum(reference.positives) == labels.sum()
    assert sum(reference.sums) == pytest.approx(scores.sum())
    found = Counter(score_bucket(reference, score) for score in scores.tolist())
    assert [found[index] for index in range(len(reference.counts))] == list(reference.counts)


def test_score_edges_are_the_union_of_widths_quantiles_and_threshold() -> None:
    scores = np.linspace(0.001, 0.1, 5000)
    edges = score_edges(scores, 0.37)
    assert len(QUANTILES) == 24
    assert {k / 24 for k in range(1, 24)} | {0.37} <= set(edges)
    assert sum(edge < 0.1 for edge in edges) >= 24  # resolution where a rare event's scores are


def _profile(rows: int = 400) -> Profile:
    generator = np.random.default_rng(3)
    scores = generator.uniform(size=rows)
    labels = (generator.uniform(size=rows) < scores).astype(np.float64)
    features = {
        "temp": profile_feature(generator.normal(size=rows).tolist(), is_number=True),
        "hour": profile_feature(generator.integers(0, 5, rows).astype(float).tolist(), is_number=True),
        "carrier": profile_feature(generator.choice(["a", "b"], rows).tolist(), is_number=False),
    }
    return Profile(
        data_digest=DIGEST,
        rows=rows,
        span=("2013-01-01T00:00:00Z", "2013-02-01T00:00:00Z"),
        signature_digest=DIGEST,
        features=features,
        score=score_reference(labels, scores),
        performance=performance(labels, scores),
    )


def test_profiles_survive_byte_by_byte() -> None:
    profile = _profile()
    read = parse_profile(profile.to_bytes())
    assert read == profile and read.to_bytes() == profile.to_bytes() and read.digest == profile.digest


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"rows":400', b'"rows":401', "counts"),
        (b'"above":0', b'"above":1', "above"),
        (b'"threshold":0.5', b'"threshold":0.51', "score.edges"),
        (b'"contract":1', b'"contract":2', "contract"),
        (b'"__other__"', b'"other"', "values"),
        (b'"type":"numeric"', b'"type":"histogram"', "type"),
        (b'"brier"', b'"briar"', "performance.brier"),
    ],
)
def test_profiles_that_contradict_themselves(old: bytes, new: bytes, field: str) -> None:
    data = _profile().to_bytes()
    assert old in data
    with pytest.raises(ContractError) as caught:
        parse_profile(data.replace(old, new))
    assert caught.value.field.endswith(field)


@settings(max_examples=20)
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_contract_error(data: bytes) -> None:
    with pytest.raises(ContractError):
        parse_profile(data)


def test_performance_is_exact() -> None:
    labels, scores = np.array([0.0, 1, 1, 0]), np.array([0.1, 0.8, 0.3, 0.3])
    assert performance(labels, scores) == {
        "logLoss": log_loss(labels, scores),
        "brier": brier(labels, scores),
        "auc": auc(labels, scores),
    }
