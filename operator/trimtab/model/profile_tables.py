"""Reference and live counts of one version as vectors of equal length, for every distribution test."""

from __future__ import annotations

from dataclasses import dataclass

from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.profile import Feature, NumericFeature, Profile


@dataclass(frozen=True)
class CountTable:
    """One signal: rows per bucket in the reference and live. Buckets, below, above, missing, unseen.

    `order`: indices of the buckets whose values ascend; empty for categories.
    """

    name: str
    reference: tuple[int, ...]
    live: tuple[int, ...]
    order: tuple[int, ...] = ()


def feature_tables(profile: Profile, live: ServerCounts) -> list[CountTable]:
    """One table per feature of the profile, in its order. Missing is a category of its own."""
    return [
        CountTable(name, _reference(feature), _live(live, name), order_of(feature))
        for name, feature in profile.features.items()
    ]


def score_table(profile: Profile, live: ServerCounts, name: str) -> CountTable:
    """The scores, in all their buckets (merge them before testing)."""
    return CountTable(
        name, tuple(profile.score.counts), live.scores(), tuple(range(len(profile.score.counts)))
    )


def order_of(feature: Feature) -> tuple[int, ...]:
    """Of a table of the feature: below, the buckets, above. Missing and unseen are nowhere."""
    if not isinstance(feature, NumericFeature):
        return ()
    buckets = len(feature.counts)
    return (buckets, *range(buckets), buckets + 1)


def _reference(feature: Feature) -> tuple[int, ...]:
    outside = (feature.below, feature.above) if isinstance(feature, NumericFeature) else (0, 0)
    return (*feature.counts, *outside, feature.missing, 0)


def _live(counts: ServerCounts, name: str) -> tuple[int, ...]:
    found = counts.feature(name)
    return (*found.buckets, found.below, found.above, found.missing, found.unseen)
