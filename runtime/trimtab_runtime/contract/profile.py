"""profile.json: the held-out reference of a model as counts in fixed buckets. Shape only; maths elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .data import COLUMN_NAME, MAX_COLUMNS
from .errors import Reason
from .metrics import AUC, BRIER, LOG_LOSS, parse_metrics
from .strict import CONTRACT, Fields, canonical, parse_json, sha256_digest

OTHER = "__other__"
MAX_BUCKETS = 20  # per feature; with below, above, missing and unseen 24 lines of /metrics
MAX_NAMED_VALUES = MAX_BUCKETS - 1
MIN_NAMED_ROWS = 10  # a category of fewer reference rows could identify someone
MAX_SCORE_EDGES = 64
PERFORMANCE_METRICS = (LOG_LOSS, BRIER, AUC)


@dataclass(frozen=True)
class NumericFeature:
    """Buckets (-, e1], (e1, e2], ..., (ek, -): `len(edges) + 1` counts of values in [minimum, maximum].

    Values outside are counted apart as below and above; both are 0 in the reference itself.
    """

    minimum: float
    maximum: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    below: int = 0
    above: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "numeric",
            "min": self.minimum,
            "max": self.maximum,
            "edges": list(self.edges),
            "counts": list(self.counts),
            "below": self.below,
            "above": self.above,
            "missing": self.missing,
        }


@dataclass(frozen=True)
class CategoricalFeature:
    """Counts by value; the last value is always `__other__`. Numbers stay numbers, booleans are texts."""

    values: tuple[str | float, ...]
    counts: tuple[int, ...]
    missing: int

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "categorical",
            "values": list(self.values),
            "counts": list(self.counts),
            "missing": self.missing,
        }


Feature = NumericFeature | CategoricalFeature


@dataclass(frozen=True)
class ScoreReference:
    """Scores in [0, 1] in `len(edges) + 1` buckets (a, b]: rows, positives and sum of scores of each."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    positives: tuple[int, ...]
    sums: tuple[float, ...]
    threshold: float

    def to_json(self) -> dict[str, Any]:
        return {
            "edges": list(self.edges),
            "counts": list(self.counts),
            "positives": list(self.positives),
            "sums": list(self.sums),
            "threshold": self.threshold,
        }


@dataclass(frozen=True)
class Profile:
    """A model on its reference rows. `span` is the first and last time (UTC), None without time column."""

    data_digest: str
    rows: int
    span: tuple[str, str] | None
    signature_digest: str
    features: Mapping[str, Feature]
    score: ScoreReference
    performance: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        return {
            "contract": CONTRACT,
            "dataDigest": self.data_digest,
            "rows": self.rows,
            "span": None if self.span is None else list(self.span),
            "signatureDigest": self.signature_digest,
            "features": {name: feature.to_json() for name, feature in self.features.items()},
            "score": self.score.to_json(),
            "performance": dict(self.performance),
        }

    def to_bytes(self) -> bytes:
        return canonical(self.to_json())

    @property
    def digest(self) -> str:
        """Digest of the canonical bytes, which is also the digest of its layer."""
        return sha256_digest(self.to_bytes())


def parse_profile(
    data: bytes, *, reason: Reason = Reason.RESULT_INVALID, name: str = "profile.json"
) -> Profile:
    """Parse profile.json; counts of every feature and of the score must add up to `rows`."""
    fields = Fields(parse_json(data, reason=reason, name=name), reason, name)
    fields.contract()
    rows = fields.integer("rows", low=1)
    features = fields.object("features")
    if not 1 <= len(features.value) <= MAX_COLUMNS:
        fields.fail("features", f"must hold 1 to {MAX_COLUMNS} features")
    profile = Profile(
        data_digest=fields.digest("dataDigest"),
        rows=rows,
        span=_parse_span(fields),
        signature_digest=fields.digest("signatureDigest"),
        features={key: _parse_feature(features, key, rows) for key in features.value},
        score=_parse_score(fields.object("score"), rows),
        performance=_parse_performance(fields, reason),
    )
    fields.end()
    return profile


def _parse_span(fields: Fields) -> tuple[str, str] | None:
    if fields.take("span") is None:
        return None
    span = fields.array("span", max_items=2)
    if len(span) != 2 or any(not isinstance(item, str) or len(item) > 40 for item in span):
        fields.fail("span", "must be null or two times")
    return span[0], span[1]


def _parse_feature(features: Fields, name: str, rows: int) -> Feature:
    fields = features.object(name)
    if not COLUMN_NAME.match(name):
        fields.fail("", f"feature names must match {COLUMN_NAME.pattern}")
    match fields.choice("type", ("numeric", "categorical")):
        case "numeric":
            feature: Feature = _parse_numeric(fields)
        case _:
            feature = _parse_categorical(fields)
    fields.end()
    if sum(feature.counts) + feature.missing != rows:
        fields.fail("counts", "with missing do not add up to rows")
    return feature


def _parse_numeric(fields: Fields) -> NumericFeature:
    feature = NumericFeature(
        minimum=fields.number("min"),
        maximum=fields.number("max"),
        edges=fields.numbers("edges", max_items=MAX_BUCKETS - 1),
        counts=fields.integers("counts", max_items=MAX_BUCKETS),
        missing=fields.integer("missing"),
        below=fields.integer("below", high=0),
        above=fields.integer("above", high=0),
    )
    _check_edges(fields, feature.edges, feature.counts)
    if not all(feature.minimum <= edge < feature.maximum for edge in feature.edges):
        fields.fail("edges", "must lie between min and max")
    if feature.minimum > feature.maximum:
        fields.fail("min", "must not be greater than max")
    return feature


def _parse_categorical(fields: Fields) -> CategoricalFeature:
    values = fields.array("values", max_items=MAX_BUCKETS)
    counts = fields.integers("counts", max_items=MAX_BUCKETS)
    missing = fields.integer("missing")
    if any(isinstance(v, bool) or not isinstance(v, str | int | float) for v in values):
        fields.fail("values", "must be strings or numbers")
    if not values or values[-1] != OTHER or len(set(values)) != len(values):
        fields.fail("values", f"must be distinct and end with {OTHER}")
    if len(counts) != len(values):
        fields.fail("counts", "must have one count per value")
    named = tuple(value if isinstance(value, str) else float(value) for value in values)
    return CategoricalFeature(values=named, counts=counts, missing=missing)


def _parse_score(fields: Fields, rows: int) -> ScoreReference:
    score = ScoreReference(
        edges=fields.numbers("edges", max_items=MAX_SCORE_EDGES),
        counts=fields.integers("counts", max_items=MAX_SCORE_EDGES + 1),
        positives=fields.integers("positives", max_items=MAX_SCORE_EDGES + 1),
        sums=fields.numbers("sums", max_items=MAX_SCORE_EDGES + 1),
        threshold=fields.number("threshold"),
    )
    fields.end()
    _check_edges(fields, score.edges, score.counts)
    if not len(score.counts) == len(score.positives) == len(score.sums):
        fields.fail("positives", "and sums must have one entry per bucket")
    if sum(score.counts) != rows or any(p > c for p, c in zip(score.positives, score.counts, strict=True)):
        fields.fail("counts", "must add up to rows, with no more positives than rows in a bucket")
    if score.threshold not in score.edges:
        fields.fail("edges", "must contain the threshold")
    return score


def _check_edges(fields: Fields, edges: tuple[float, ...], counts: tuple[int, ...]) -> None:
    if any(a >= b for a, b in pairwise(edges)):
        fields.fail("edges", "must be strictly ascending")
    if len(counts) != len(edges) + 1:
        fields.fail("counts", "must have one more entry than edges")


def _parse_performance(fields: Fields, reason: Reason) -> dict[str, float]:
    performance = parse_metrics(
        fields.take("performance"), reason=reason, field=fields.where("performance"), max_items=16
    )
    for metric in PERFORMANCE_METRICS:
        if metric not in performance:
            fields.fail(f"performance.{metric}", "is missing")
    return performance
