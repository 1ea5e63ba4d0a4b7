"""Counting by bucket, and the page read back as the operator reads it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.runtime.server.samples import (
    DIGEST,
    OTHER_DIGEST,
    PROFILE,
    PROFILE_DIGEST,
    SHAPE,
    counters,
)

from trimtab_runtime.contract.buckets import bucket_names, bucket_of
from trimtab_runtime.contract.counts import FeatureCounts, FeedbackKey
from trimtab_runtime.contract.page import PageReader, ServerPage
from trimtab_runtime.contract.profile import CategoricalFeature, NumericFeature
from trimtab_runtime.contract.serving import LIVE, MAX_PAGE_BYTES, TRAFFIC, TYPES, WARMUP, PageShape
from trimtab_runtime.server.counters import MAX_FOREIGN_VERSIONS, place_in


def read(page: bytes) -> ServerPage:
    return PageReader(DIGEST, PROFILE_DIGEST, PROFILE).read(page)


_values = st.none() | st.floats(-50, 50) | st.integers(-50, 50) | st.sampled_from([0.0, 20.0, -10.0, 40.0])


@given(_values)
def test_numbers_are_counted_where_the_contract_says(value: float | None) -> None:
    feature = PROFILE.features["temp"]
    assert bucket_names(feature)[place_in(feature)(value)] == bucket_of(feature, value)


@given(st.none() | st.booleans() | st.text(max_size=3) | st.sampled_from(["UA", "B6", "true", "__other__"]))
def test_categories_are_counted_where_the_contract_says(value: str | bool | None) -> None:
    for name in ("carrier", "weekend"):
        feature = PROFILE.features[name]
        if isinstance(value, bool) and name == "carrier":
            continue  # a string column never holds one
        assert bucket_names(feature)[place_in(feature)(value)] == bucket_of(feature, value)


def test_categories_that_are_numbers() -> None:
    feature = PROFILE.features["hour"]
    assert [place_in(feature)(value) for value in (6, 12.0, 7, None)] == [0, 1, 6, 5]


def test_a_fresh_page_holds_every_family_and_only_zeros() -> None:
    page = read(counters().page())
    assert not any(page.counts.values.values())
    assert set(page.counts.values) == set(SHAPE.counters())
    assert page.start_time_seconds == 1700000000.5
    assert page.in_flight == dict.fromkeys(TRAFFIC, 0)


def test_rows_are_counted_by_feature_and_score() -> None:
    counted = counters()
    columns: list[list[Any]] = [[None, -11.0, 0.0, 41.0], [6, 7, 12, 6], ["UA", "XX", "B6", "UA"], [None] * 4]
    assert counted.rows(LIVE, columns, [0.25, 0.26, 0.5, 0.9]) == [0, 1, 1, 2]
    counted.rows(WARMUP, [[1.0], [6], ["UA"], [True]], [0.1])
    counts = read(counted.page()).counts
    assert counts.rows() == 4 and counts.rows(traffic=WARMUP) == 1
    assert counts.feature("temp") == FeatureCounts((1, 0, 0), below=1, above=1, missing=1, unseen=0)
    assert counts.feature("hour") == FeatureCounts((2, 1, 0), below=0, above=0, missing=0, unseen=1)
    assert counts.feature("carrier") == FeatureCounts((2, 1, 1), below=0, above=0, missing=0, unseen=0)
    assert counts.feature("weekend", traffic=WARMUP).buckets == (0, 1, 0)
    assert counts.scores() == (1, 2, 1) and counts.scores(traffic=WARMUP) == (1, 0, 0)
    assert counts.features == ("temp", "hour", "carrier", "weekend")


def test_requests_durations_connections_and_refusals() -> None:
    counted = counters()
    for status, seconds in ((200, 0.004), (200, 0.005), (400, 0.3), (503, 11.0)):
        counted.answered(LIVE, status, seconds)
    counted.connection(LIVE)
    counted.connection(LIVE)
    counted.error_connection(LIVE)
    counted.rejected(LIVE, "hour", "type", 3)
    counted.rejected(LIVE, "no input of ours", "unknown", 1)
    counted.in_flight[LIVE] += 1
    page = read(counted.page())
    assert [page.counts.requests(code) for code in ("2xx", "4xx", "5xx", None)] == [2, 1, 1, 4]
    assert [page.counts.slower_than(edge) for edge in ("0.005", "0.25", "0.5", "10")] == [2, 2, 1, 1]
    assert (page.counts.connections(), page.counts.error_connections()) == (2, 1)
    assert page.counts.rejected_rows() == {("hour", "type"): 3, ("__other__", "unknown"): 1}
    assert page.in_flight == {LIVE: 1, WARMUP: 0}


def test_labels_of_other_versions_have_a_bound() -> None:
    counted = counters()
    assert counted.label(DIGEST, 2, "1", "0")
    others = [f"sha256:{number:064x}" for number in range(MAX_FOREIGN_VERSIONS + 1)]
    assert [counted.label(digest, 64, "0", "24+") for digest in others] == [True] * 4 + [False]
    assert counted.label(others[0], 64, "0", "24+")
    feedback = read(counted.page()).counts.feedback()
    assert feedback[FeedbackKey(DIGEST, 2, "1", "0")] == 1
    assert feedback[FeedbackKey(others[0], 64, "0", "24+")] == 2
    assert len(feedback) == 1 + MAX_FOREIGN_VERSIONS


def test_without_a_profile_rows_and_requests_are_still_counted() -> None:
    shape = PageShape.of(DIGEST, None, ("temp",))
    counted = counters(shape, None)
    assert counted.rows(LIVE, [[1.0]], [0.5]) == []
    counts = PageReader(DIGEST).read(counted.page()).counts
    assert counts.rows() == 1 and counts.features == () and counts.scores() == ()


def test_prometheus_reads_the_page_too() -> None:
    counted = counters()
    counted.answered(LIVE, 200, 0.02)
    counted.label(OTHER_DIGEST, 3, "1", "1")
    families = {family.name: family for family in text_string_to_metric_families(counted.page().decode())}
    assert set(families) == {name.removesuffix("_total") for name in TYPES}
    samples = sum(len(family.samples) for family in families.values())
    assert samples == len([line for line in counted.page().splitlines() if not line.startswith(b"#")])


def test_the_largest_page_is_below_the_limit() -> None:
    names = tuple(f"a_feature_with_a_name_of_length_{number}" for number in range(50))
    edges = tuple(float(edge) for edge in range(19))
    feature = NumericFeature(-1.0, 20.0, edges, (5,) * 20, missing=0)
    profile = PROFILE.__class__(**{**PROFILE.__dict__, "features": dict.fromkeys(names, feature)})
    counted = counters(PageShape.of(DIGEST, profile, names), profile)
    assert len(counted.page()) < counted.largest_page_bytes() < MAX_PAGE_BYTES


@pytest.mark.parametrize("feature", [*PROFILE.features.values()])
def test_every_value_has_one_place(feature: NumericFeature | CategoricalFeature) -> None:
    # An interval per float: neighbours of edges and ends.
    points = [-10.0, 0.0, 20.0, 40.0]
    around = [math.nextafter(p, d) for p in points for d in (-math.inf, math.inf)]
    if isinstance(feature, NumericFeature):
        for value in [*points, *around]:
            assert bucket_names(feature)[place_in(feature)(value)] == bucket_of(feature, value)
