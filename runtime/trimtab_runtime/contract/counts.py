"""Counters of model servers: of one page, of the difference between two, of a sum over replicas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from .buckets import ABOVE, BELOW, MISSING, UNSEEN
from .errors import ContractError, Reason
from .serving import (
    CODES,
    CONNECTIONS,
    DURATION_BUCKET,
    DURATION_COUNT,
    ERROR_CONNECTIONS,
    FEATURE_ROWS,
    FEEDBACK,
    FEEDBACK_REJECTED,
    LIVE,
    REJECTED_ROWS,
    REQUESTS,
    ROWS,
    SCORE_ROWS,
    Series,
)


@dataclass(frozen=True)
class FeatureCounts:
    """Rows of one feature: `buckets` as in the profile, the rest apart. All add up to the rows answered."""

    buckets: tuple[int, ...]
    below: int
    above: int
    missing: int
    unseen: int


class FeedbackKey(NamedTuple):
    """Labels are counted by version, score bucket, label (`0`, `1`) and age of the answer in hours."""

    model_digest: str
    bucket: int
    label: str
    age: str


@dataclass(frozen=True)
class ServerCounts:
    """Counters by series. Counts of replicas of one version add exactly: `a + b`."""

    values: Mapping[Series, int] = field(repr=False)

    def __add__(self, other: ServerCounts) -> ServerCounts:
        total = dict(self.values)
        for series, value in other.values.items():
            total[series] = total.get(series, 0) + value
        return ServerCounts(total)

    def since(self, before: ServerCounts) -> ServerCounts:
        """What was counted after `before`, an earlier page of the same process.

        PageInvalid names a counter that fell or vanished: then neither page can be trusted.
        """
        fallen = [series for series, value in before.values.items() if self.values.get(series, -1) < value]
        if fallen:
            raise ContractError(Reason.PAGE_INVALID, fallen[0][0], "fell although the process is the same")
        return ServerCounts({key: value - before.values.get(key, 0) for key, value in self.values.items()})

    def requests(self, code: str | None = None, *, traffic: str = LIVE) -> int:
        """Inference requests answered with `2xx`, `4xx` or `5xx`; all of them without a code."""
        return sum(self.values[REQUESTS, traffic, one] for one in (CODES if code is None else (code,)))

    def slower_than(self, edge: str, *, traffic: str = LIVE) -> int:
        """Requests that took longer than this edge, one of DURATION_EDGES."""
        return self.values[DURATION_COUNT, traffic] - self.values[DURATION_BUCKET, traffic, edge]

    def connections(self, *, traffic: str = LIVE) -> int:
        """Client connections that sent at least one inference request."""
        return self.values[CONNECTIONS, traffic]

    def error_connections(self, *, traffic: str = LIVE) -> int:
        """Those with at least one 5xx, or closed while a request had no answer."""
        return self.values[ERROR_CONNECTIONS, traffic]

    def rows(self, *, traffic: str = LIVE) -> int:
        """Rows answered."""
        return self.values[ROWS, traffic]

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that are counted; none without a profile."""
        return tuple(s[2] for s in self.values if s[0] == FEATURE_ROWS and s[1] == LIVE and s[3] == MISSING)

    def feature(self, name: str, *, traffic: str = LIVE) -> FeatureCounts:
        """Rows by bucket of one feature; KeyError for a feature that is not counted."""
        below, above, missing, unseen = (
            self.values[FEATURE_ROWS, traffic, name, bucket] for bucket in (BELOW, ABOVE, MISSING, UNSEEN)
        )
        return FeatureCounts(self._numbered(FEATURE_ROWS, traffic, name), below, above, missing, unseen)

    def scores(self, *, traffic: str = LIVE) -> tuple[int, ...]:
        """Rows by score bucket; empty without a profile."""
        return self._numbered(SCORE_ROWS, traffic)

    def rejected_rows(self, *, traffic: str = LIVE) -> dict[tuple[str, str], int]:
        """Refused rows by (field, reason), without zeros."""
        return {
            (series[2], series[3]): value
            for series, value in self.values.items()
            if series[0] == REJECTED_ROWS and series[1] == traffic and value
        }

    def feedback(self) -> dict[FeedbackKey, int]:
        """Labels received, without zeros; also those for answers of other versions."""
        return {
            FeedbackKey(series[1], int(series[2]), series[3], series[4]): value
            for series, value in self.values.items()
            if series[0] == FEEDBACK and value
        }

    def feedback_rejected(self) -> dict[str, int]:
        """Refused labels by reason."""
        return {series[1]: value for series, value in self.values.items() if series[0] == FEEDBACK_REJECTED}

    def _numbered(self, *prefix: str) -> tuple[int, ...]:
        found: list[int] = []
        while (value := self.values.get((*prefix, str(len(found))))) is not None:
            found.append(value)
        return tuple(found)
