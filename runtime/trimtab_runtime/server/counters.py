"""The counters of this process, and the page that shows them.

All counters are one list of integers in the order of `PageShape.counters()`, so counting is an addition and a
page is a join: 0.4 ms for the largest page. prometheus_client's registry takes 20 ms for it, during which a
server of one process answers nobody.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from trimtab_runtime.contract import serving
from trimtab_runtime.contract.profile import (
    MAX_SCORE_EDGES,
    OTHER,
    CategoricalFeature,
    Feature,
    NumericFeature,
    Profile,
)
from trimtab_runtime.contract.serving import PageShape, Series, series_text

_LARGEST_DIGITS = 12
MAX_FOREIGN_VERSIONS = 4  # tokens are unsigned: without a bound they could grow the page
_EDGES_SECONDS = tuple(float(edge) for edge in serving.DURATION_EDGES)

Place = Callable[[Any], int]


class Counters:
    """Counts requests, rows and labels. Not thread-safe: it belongs to the event loop."""

    def __init__(
        self,
        shape: PageShape,
        profile: Profile | None,
        inputs: Sequence[str],
        *,
        profile_digest: str,
        start_time_seconds: float,
    ) -> None:
        self._series = tuple(shape.counters())
        self._values = [0] * len(self._series)
        self._at = {series: index for index, series in enumerate(self._series)}
        self._fields = frozenset(shape.fields)
        self._foreign: dict[Series, int] = {}
        self._foreign_versions: set[str] = set()
        self._duration_sums = dict.fromkeys(serving.TRAFFIC, 0.0)
        self.in_flight = dict.fromkeys(serving.TRAFFIC, 0)
        self._places = _places(profile, inputs)
        self._score_edges = profile.score.edges if profile else ()
        self._own_digest = shape.model_digest
        self.score_buckets = shape.score_buckets
        self._head = _head(shape.model_digest, profile_digest, start_time_seconds)
        self._groups = _groups(self._series)

    def answered(self, traffic: str, status: int, seconds: float) -> None:
        """A request was answered with this status, `seconds` after it began."""
        self._values[self._at[serving.REQUESTS, traffic, f"{status // 100}xx"]] += 1
        first = self._at[serving.DURATION_BUCKET, traffic, serving.DURATION_EDGES[0]]
        # Cumulative: every edge the duration is below, then +Inf, then the count, which follows it.
        for index in range(first + bisect_left(_EDGES_SECONDS, seconds), first + len(_EDGES_SECONDS) + 2):
            self._values[index] += 1
        self._duration_sums[traffic] += seconds

    def connection(self, traffic: str) -> None:
        """A connection sent its first inference request."""
        self._values[self._at[serving.CONNECTIONS, traffic]] += 1

    def error_connection(self, traffic: str) -> None:
        """A connection had its first error."""
        self._values[self._at[serving.ERROR_CONNECTIONS, traffic]] += 1

    def rows(self, traffic: str, columns: Sequence[Sequence[Any]], scores: Sequence[float]) -> list[int]:
        """Answered rows, by feature and score bucket; returns the score bucket of each, if there are any."""
        values = self._values
        values[self._at[serving.ROWS, traffic]] += len(scores)
        for feature, column, place in self._places:
            base = self._at[serving.FEATURE_ROWS, traffic, feature, "0"]
            for value in columns[column]:
                values[base + place(value)] += 1
        if not self.score_buckets:
            return []
        base = self._at[serving.SCORE_ROWS, traffic, "0"]
        buckets = [bisect_left(self._score_edges, score) for score in scores]
        for bucket in buckets:
            values[base + bucket] += 1
        return buckets

    def rejected(self, traffic: str, field: str, reason: str, rows: int) -> None:
        """Rows of a refused request."""
        name = field if field in self._fields else serving.OTHER_FIELD
        self._values[self._at[serving.REJECTED_ROWS, traffic, name, reason]] += rows

    def label(self, model_digest: str, bucket: int, label: str, age: str) -> bool:
        """A label for an answer. False if it is of one version more than a page has room for."""
        series = (serving.FEEDBACK, model_digest, str(bucket), label, age)
        if model_digest == self._own_digest:
            self._values[self._at[series]] += 1
            return True
        if model_digest not in self._foreign_versions:
            if len(self._foreign_versions) == MAX_FOREIGN_VERSIONS:
                return False
            self._foreign_versions.add(model_digest)
        self._foreign[series] = self._foreign.get(series, 0) + 1
        return True

    def label_rejected(self, reason: str) -> None:
        """A label that was not counted."""
        self._values[self._at[serving.FEEDBACK_REJECTED, reason]] += 1

    def largest_page_bytes(self) -> int:
        """What a page may grow to: twelve digits everywhere, labels for as many other versions as fit."""
        longest = len(series_text((serving.FEEDBACK, self._own_digest, "64", "0", "2-23")))
        foreign = MAX_FOREIGN_VERSIONS * (MAX_SCORE_EDGES + 1) * len(serving.LABELS) * len(serving.AGES)
        lines = len(self._values) + foreign
        return len(self.page()) + foreign * longest + lines * (_LARGEST_DIGITS + 2)

    def page(self) -> bytes:
        """The metrics page as of now."""
        lines = [self._head]
        gauges = [((serving.IN_FLIGHT, traffic), count) for traffic, count in self.in_flight.items()]
        lines += [_type_line(serving.IN_FLIGHT), *_lines(gauges)]
        for family, start, prefixes in self._groups:
            lines.append(_type_line(family))
            numbers = self._values[start : start + len(prefixes)]
            lines += [prefix + str(number) for prefix, number in zip(prefixes, numbers, strict=True)]
            if family == serving.DURATION:
                sums = self._duration_sums.items()
                lines += _lines(((serving.DURATION_SUM, traffic), repr(total)) for traffic, total in sums)
            if family == serving.FEEDBACK:
                lines += _lines(self._foreign.items())
        return ("\n".join(lines) + "\n").encode()


def _places(profile: Profile | None, inputs: Sequence[str]) -> list[tuple[str, int, Place]]:
    """For each feature: its name, its column, and the function from value to offset of its counter."""
    if profile is None:
        return []
    return [(name, column, place_in(profile.features[name])) for column, name in enumerate(inputs)]


def place_in(feature: Feature) -> Place:
    """`contract.buckets.bucket_of` as an offset into `bucket_names`, in the fewest steps; None is missing."""
    count = len(feature.counts)
    below, above, missing, unseen = range(count, count + 4)
    match feature:
        case NumericFeature():
            edges, low, high = feature.edges, feature.minimum, feature.maximum

            def numeric(value: Any) -> int:
                if value is None:
                    return missing
                if low <= value <= high:
                    return bisect_left(edges, value)
                return below if value < low else above

            return numeric
        case CategoricalFeature():
            table = _table(feature) | {None: missing}
            otherwise = count - 1 if feature.counts[-1] else unseen
            return lambda value: table.get(value, otherwise)


def _table(feature: CategoricalFeature) -> dict[Any, int]:
    table: dict[Any, int] = {value: index for index, value in enumerate(feature.values) if value != OTHER}
    for truth, text in ((True, "true"), (False, "false")):
        if text in table:
            table[truth] = table[text]
    return table


def _groups(series: Sequence[Series]) -> list[tuple[str, int, list[str]]]:
    """Neighbouring series of one family: the family, where they start, and what is before each number."""
    groups: list[tuple[str, int, list[str]]] = []
    start = 0
    for family, members in groupby(series, key=_family):
        prefixes = [f"{series_text(one)} " for one in members]
        groups.append((family, start, prefixes))
        start += len(prefixes)
    missing = set(serving.TYPES) - {family for family, _, _ in groups} - _HEAD_FAMILIES
    return [*groups, *((family, start, []) for family in sorted(missing))]


_HEAD_FAMILIES = {serving.INFO, serving.START_TIME, serving.IN_FLIGHT}


def _family(series: Series) -> str:
    return serving.DURATION if series[0].startswith(serving.DURATION) else series[0]


def _head(model_digest: str, profile_digest: str, start_time_seconds: float) -> str:
    info = (serving.INFO, serving.PAGE_CONTRACT, model_digest, profile_digest)
    lines = [_type_line(serving.INFO), *_lines([(info, 1)]), _type_line(serving.START_TIME)]
    return "\n".join([*lines, *_lines([((serving.START_TIME,), repr(start_time_seconds))])])


def _type_line(family: str) -> str:
    return f"# TYPE {family} {serving.TYPES[family]}"


def _lines(samples: Iterable[tuple[Series, int | str]]) -> list[str]:
    return [f"{series_text(series)} {value}" for series, value in samples]
