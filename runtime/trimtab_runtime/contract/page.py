"""The reader of a model server's /metrics page: all of it is valid, or none of it is used.

Our own parser, not prometheus_client's: a page is hostile input, that parser lets the last of two equal
series win and knows nothing of this contract, and the largest page takes it 84 ms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from .counts import ServerCounts
from .errors import ContractError, Reason
from .profile import MAX_SCORE_EDGES, Profile
from .serving import (
    AGES,
    CONNECTIONS,
    DURATION_BUCKET,
    DURATION_COUNT,
    DURATION_EDGES,
    DURATION_SUM,
    ERROR_CONNECTIONS,
    FEATURE_ROWS,
    FEEDBACK,
    IN_FLIGHT,
    INFINITE,
    INFO,
    LABELS,
    LIVE,
    MAX_PAGE_BYTES,
    OTHER_FIELD,
    PAGE_CONTRACT,
    REJECTED_ROWS,
    SAMPLE_LABELS,
    SCORE_ROWS,
    START_TIME,
    TRAFFIC,
    TYPES,
    PageShape,
    Series,
)
from .strict import DIGEST

_HEAD = re.compile(r"([a-z_]+)(?:\{([^{}]*)\})?\Z")
_LABEL = re.compile(r'([a-z_]+)="([^"\\]*)"\Z')
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?\Z")
_LARGEST = 2.0**53
MAX_LAYOUTS = 8
_ANY_BUCKET = frozenset(str(index) for index in range(MAX_SCORE_EDGES + 1))
_NOT_COUNTERS = frozenset({INFO, START_TIME, IN_FLIGHT, DURATION_SUM})


@dataclass(frozen=True)
class ServerPage:
    """One scrape of one server process; counters of two pages compare only if their start time is equal.

    `request_seconds` is the sum of the durations of all answered requests.
    """

    model_digest: str
    profile_digest: str
    start_time_seconds: float
    in_flight: Mapping[str, int]
    request_seconds: Mapping[str, float]
    counts: ServerCounts

    def since(self, before: ServerPage) -> ServerCounts:
        """What this process counted after an earlier page of its own."""
        if self.start_time_seconds != before.start_time_seconds:
            raise ValueError("pages of two processes: the later one counts from zero")
        return self.counts.since(before.counts)


class PageReader:
    """Reads the pages of one version's servers.

    With `profile` every bucket must be the profile's, without it they must be in themselves complete. Keep
    one reader per version: pages of one shape are checked once, then only their numbers are read.
    """

    def __init__(self, model_digest: str, profile_digest: str = "", profile: Profile | None = None) -> None:
        self._info = (INFO, PAGE_CONTRACT, model_digest, profile_digest)
        self._shape = PageShape.of(model_digest, profile) if profile else None
        self._layouts: dict[tuple[str, ...], tuple[Series | None, ...]] = {}

    def read(self, data: bytes) -> ServerPage:
        """PageInvalid names the family that is missing, malformed or of another version."""
        types, heads, numbers = _split(data)
        _check_types(types)
        values = dict(_values(self._checked_layout(heads), numbers))
        _check_values(values)
        return ServerPage(
            model_digest=self._info[2],
            profile_digest=self._info[3],
            start_time_seconds=values[(START_TIME,)],
            in_flight={traffic: int(values[IN_FLIGHT, traffic]) for traffic in TRAFFIC},
            request_seconds={traffic: values[DURATION_SUM, traffic] for traffic in TRAFFIC},
            counts=ServerCounts({s: int(v) for s, v in values.items() if s[0] not in _NOT_COUNTERS}),
        )

    def _checked_layout(self, heads: tuple[str, ...]) -> tuple[Series | None, ...]:
        """Replicas differ in the versions whose labels they got, so a few shapes are remembered."""
        known = self._layouts.get(heads)
        if known is None:
            if len(self._layouts) == MAX_LAYOUTS:
                self._layouts.clear()
            known = self._layouts[heads] = self._layout(heads)
        return known

    def _layout(self, heads: tuple[str, ...]) -> tuple[Series | None, ...]:
        """The series of each line; None for families we do not know, which a later server may add."""
        layout = tuple(_series(head) for head in heads)
        found = {series for series in layout if series}
        if len(found) != sum(series is not None for series in layout):
            _fail("page", "holds a series twice")
        self._check_info(found)
        required = set(self._required(found))
        foreign = {s for s in found - required if s[0] == FEEDBACK and _is_foreign_feedback(s, self._info[2])}
        for series in sorted(required - found):
            _fail(series[0], "is incomplete: buckets and labels are exported from the start")
        for series in sorted(found - required - foreign):
            _fail(series[0], "has an unknown bucket or label value")
        return layout

    def _check_info(self, found: set[Series]) -> None:
        infos = [series for series in found if series[0] == INFO]
        if len(infos) != 1:
            _fail(INFO, "must occur once")
        _, contract, model_digest, profile_digest = infos[0]
        if contract != PAGE_CONTRACT:
            _fail(INFO, f"contract must be {PAGE_CONTRACT}: the server's image is of another version")
        if model_digest != self._info[2]:
            _fail(INFO, "model_digest is not the digest that should be served")
        if profile_digest != self._info[3]:
            _fail(INFO, "profile_digest is not that of the version's profile")

    def _required(self, found: set[Series]) -> Iterable[Series]:
        shape = self._shape or _shape_in(found, self._info[2])
        yield from shape.counters()
        yield self._info
        yield (START_TIME,)
        for traffic in TRAFFIC:
            yield IN_FLIGHT, traffic
            yield DURATION_SUM, traffic


def _split(data: bytes) -> tuple[dict[str, str], tuple[str, ...], list[str]]:
    """Declared types, and the two halves of each sample line."""
    if len(data) > MAX_PAGE_BYTES:
        _fail("page", f"has more than {MAX_PAGE_BYTES} bytes")
    if not data.endswith(b"\n"):
        _fail("page", "does not end with a line: it is cut off, or not a metrics page")
    try:
        lines = data.decode("ascii").splitlines()
    except UnicodeDecodeError:
        _fail("page", "is not ASCII text")
    types: dict[str, str] = {}
    samples: list[tuple[str, str, str]] = []
    for line in lines:
        if line.startswith("#"):
            types.update(_declared(line))
        elif line:
            samples.append(line.rpartition(" "))
    return types, tuple(head for head, _, _ in samples), [number for _, _, number in samples]


def _declared(line: str) -> Iterable[tuple[str, str]]:
    words = line.split(" ")
    return [(words[2], words[3])] if len(words) == 4 and words[1] == "TYPE" else []


def _check_types(types: Mapping[str, str]) -> None:
    for family, kind in TYPES.items():
        if types.get(family) != kind:
            _fail(family, f"must be declared as a {kind}" if family in types else "is missing")


def _series(head: str) -> Series | None:
    matched = _HEAD.match(head)
    if not matched:
        _fail("page", "holds a line that is no sample")
    name, text = matched[1], matched[2]
    if name not in SAMPLE_LABELS:
        return None
    pairs = [_LABEL.match(pair) for pair in text.split(",")] if text else []
    if tuple(pair[1] if pair else None for pair in pairs) != SAMPLE_LABELS[name]:
        _fail(name, f"must have the labels {', '.join(SAMPLE_LABELS[name]) or 'of none'} in this order")
    return (name, *(pair[2] for pair in pairs if pair))


def _shape_in(found: set[Series], model_digest: str) -> PageShape:
    """The shape a page claims, where no profile says it."""
    features: dict[str, int] = {}
    for series in found:
        if series[0] == FEATURE_ROWS and series[1] == LIVE:
            features[series[2]] = features.get(series[2], 0) + series[3].isdigit()
    fields = {s[2] for s in found if s[0] == REJECTED_ROWS and s[1] == LIVE} - {OTHER_FIELD}
    scores = sum(series[0] == SCORE_ROWS and series[1] == LIVE for series in found)
    return PageShape(model_digest, tuple(fields), features, scores)


def _is_foreign_feedback(series: Series, own_digest: str) -> bool:
    """Labels for answers of another version; its buckets are not ours to know."""
    _, digest, bucket, label, age = series
    is_foreign = digest != own_digest and DIGEST.match(digest) is not None
    return is_foreign and bucket in _ANY_BUCKET and label in LABELS and age in AGES


def _values(layout: tuple[Series | None, ...], numbers: list[str]) -> Iterable[tuple[Series, float]]:
    for series, number in zip(layout, numbers, strict=True):
        if series is None:
            continue
        if number.isdigit() and len(number) < 16:
            yield series, int(number)
        else:
            yield series, _number(series, number)


def _number(series: Series, text: str) -> float:
    if not _NUMBER.match(text):
        _fail(series[0], "has a value that is not a finite number")
    value = float(text)
    if not 0 <= value <= _LARGEST:
        _fail(series[0], "has a negative or impossibly large value")
    if series[0] not in (START_TIME, DURATION_SUM) and not value.is_integer():
        _fail(series[0], "has a fractional value")
    return value


def _check_values(values: Mapping[Series, float]) -> None:
    """What counters of one page must be to each other."""
    for traffic in TRAFFIC:
        if values[ERROR_CONNECTIONS, traffic] > values[CONNECTIONS, traffic]:
            _fail(ERROR_CONNECTIONS, "is larger than the number of connections")
        steps = [values[DURATION_BUCKET, traffic, edge] for edge in (*DURATION_EDGES, INFINITE)]
        if steps != sorted(steps) or steps[-1] != values[DURATION_COUNT, traffic]:
            _fail(DURATION_BUCKET, "is not cumulative up to the count")
    info = next(value for series, value in values.items() if series[0] == INFO)
    if info != 1:
        _fail(INFO, "must be 1")


def _fail(field: str, message: str) -> NoReturn:
    raise ContractError(Reason.PAGE_INVALID, field, message)
