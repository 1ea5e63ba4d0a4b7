"""What a model server exports at /metrics: names, labels, and every series of a page in order.

Counters are per process and not cumulative over buckets (durations are, as Prometheus has them). Only
inference requests count as requests: probes, metadata, /metrics, /feedback and /drain do not, and a
connection counts from its first inference request. A request that is refused (400) counts each offending
field once per row under `trimtab_rejected_rows_total`; `trimtab_rows_total` counts rows that were answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from .buckets import ABOVE, BELOW, MISSING, UNSEEN
from .profile import Profile

METRICS_PATH, FEEDBACK_PATH, DRAIN_PATH = "/metrics", "/feedback", "/drain"
MAX_PAGE_BYTES = 1 << 20
PAGE_CONTRACT = "1"

LIVE, WARMUP = "live", "warmup"
TRAFFIC: Final = (LIVE, WARMUP)
CODES: Final = ("2xx", "4xx", "5xx")
# Upper bounds in seconds as Prometheus writes them, without +Inf: the values that maxDuration may take.
DURATION_EDGES: Final = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10")
INFINITE = "+Inf"
NAMED_BUCKETS: Final = (BELOW, ABOVE, MISSING, UNSEEN)
OTHER_FIELD = "__other__"
REJECTED_MISSING, REJECTED_TYPE, REJECTED_UNKNOWN, REJECTED_SHAPE = "missing", "type", "unknown", "shape"
REJECTED: Final = (REJECTED_MISSING, REJECTED_TYPE, REJECTED_UNKNOWN, REJECTED_SHAPE)
LABELS: Final = ("0", "1")
AGES: Final = ("0", "1", "2-23", "24+")  # whole hours from answer to label
MALFORMED, DUPLICATE, EXPIRED, UNKNOWN_VERSION = "malformed", "duplicate", "expired", "unknown_version"
FEEDBACK_REJECTED_REASONS: Final = (MALFORMED, DUPLICATE, EXPIRED, UNKNOWN_VERSION)

INFO = "trimtab_server_info"
START_TIME = "trimtab_server_start_time_seconds"
IN_FLIGHT = "trimtab_requests_in_flight"
REQUESTS = "trimtab_requests_total"
DURATION = "trimtab_request_duration_seconds"
DURATION_BUCKET, DURATION_SUM, DURATION_COUNT = f"{DURATION}_bucket", f"{DURATION}_sum", f"{DURATION}_count"
CONNECTIONS = "trimtab_connections_total"
ERROR_CONNECTIONS = "trimtab_error_connections_total"
ROWS = "trimtab_rows_total"
FEATURE_ROWS = "trimtab_feature_rows_total"
SCORE_ROWS = "trimtab_score_rows_total"
REJECTED_ROWS = "trimtab_rejected_rows_total"
FEEDBACK = "trimtab_feedback_total"
FEEDBACK_REJECTED = "trimtab_feedback_rejected_total"

# Family -> Prometheus type. A page without one of them is not a page.
TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        INFO: "gauge",
        START_TIME: "gauge",
        IN_FLIGHT: "gauge",
        REQUESTS: "counter",
        DURATION: "histogram",
        CONNECTIONS: "counter",
        ERROR_CONNECTIONS: "counter",
        ROWS: "counter",
        FEATURE_ROWS: "counter",
        SCORE_ROWS: "counter",
        REJECTED_ROWS: "counter",
        FEEDBACK: "counter",
        FEEDBACK_REJECTED: "counter",
    }
)
# Sample -> its labels, in the order in which the page has them.
SAMPLE_LABELS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        INFO: ("contract", "model_digest", "profile_digest"),
        START_TIME: (),
        IN_FLIGHT: ("traffic",),
        REQUESTS: ("traffic", "code"),
        DURATION_BUCKET: ("traffic", "le"),
        DURATION_SUM: ("traffic",),
        DURATION_COUNT: ("traffic",),
        CONNECTIONS: ("traffic",),
        ERROR_CONNECTIONS: ("traffic",),
        ROWS: ("traffic",),
        FEATURE_ROWS: ("traffic", "feature", "bucket"),
        SCORE_ROWS: ("traffic", "bucket"),
        REJECTED_ROWS: ("traffic", "field", "reason"),
        FEEDBACK: ("model_digest", "bucket", "label", "age"),
        FEEDBACK_REJECTED: ("reason",),
    }
)

# A sample: its name, then the values of SAMPLE_LABELS.
Series = tuple[str, ...]


@dataclass(frozen=True)
class PageShape:
    """What decides which counters a page has: number of buckets 0..B-1 by feature, score buckets, inputs."""

    model_digest: str
    fields: tuple[str, ...]
    features: Mapping[str, int] = field(default_factory=dict)
    score_buckets: int = 0

    @classmethod
    def of(cls, model_digest: str, profile: Profile | None, fields: tuple[str, ...] = ()) -> PageShape:
        """Of a model with this profile; its features are the inputs of its signature."""
        if profile is None:
            return cls(model_digest, fields)
        buckets = {name: len(feature.counts) for name, feature in profile.features.items()}
        return cls(model_digest, fields or tuple(buckets), buckets, len(profile.score.counts))

    def counters(self) -> Iterator[Series]:
        """Every counter that is exported from the start, grouped by family. Feedback for versions other
        than this one is added when it comes."""
        for traffic in TRAFFIC:
            yield from ((REQUESTS, traffic, code) for code in CODES)
        for traffic in TRAFFIC:
            yield from ((DURATION_BUCKET, traffic, edge) for edge in (*DURATION_EDGES, INFINITE))
            yield (DURATION_COUNT, traffic)
        for name in (CONNECTIONS, ERROR_CONNECTIONS, ROWS):
            yield from ((name, traffic) for traffic in TRAFFIC)
        for traffic in TRAFFIC:
            for feature, buckets in self.features.items():
                names = (*map(str, range(buckets)), *NAMED_BUCKETS)
                yield from ((FEATURE_ROWS, traffic, feature, bucket) for bucket in names)
        for traffic in TRAFFIC:
            yield from ((SCORE_ROWS, traffic, str(bucket)) for bucket in range(self.score_buckets))
        for traffic in TRAFFIC:
            for name in (*self.fields, OTHER_FIELD):
                yield from ((REJECTED_ROWS, traffic, name, reason) for reason in REJECTED)
        for bucket in range(self.score_buckets):
            for label in LABELS:
                yield from ((FEEDBACK, self.model_digest, str(bucket), label, age) for age in AGES)
        yield from ((FEEDBACK_REJECTED, reason) for reason in FEEDBACK_REJECTED_REASONS)


def series_text(series: Series) -> str:
    """A series as the page writes it. No value needs escaping: names, digests and fixed words only."""
    name, *values = series
    if not values:
        return name
    pairs = [f'{label}="{value}"' for label, value in zip(SAMPLE_LABELS[name], values, strict=True)]
    return f"{name}{{{','.join(pairs)}}}"
