"""Reads the metrics page of a foreign model server into the counts that a canary is judged by.

Such a page says nothing of the model's digest: whose it is follows from the pod alone. It counts requests,
not connections, so requests stand for both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from prometheus_client.parser import text_string_to_metric_families

from trimtab.deployment.queries import Sample
from trimtab.deployment.runtimes import MetricMapping, Samples
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.page import ServerPage
from trimtab_runtime.contract.serving import (
    CONNECTIONS,
    DURATION_BUCKET,
    DURATION_COUNT,
    DURATION_EDGES,
    ERROR_CONNECTIONS,
    LIVE,
    REQUESTS,
    WARMUP,
    Series,
)

_LARGEST = 2.0**53


class MappedReader:
    """Reads the pages of one version's servers by a mapping."""

    def __init__(self, model_digest: str, mapping: MetricMapping) -> None:
        self._model_digest = model_digest
        self._mapping = mapping

    def read(self, data: bytes) -> ServerPage:
        """PageInvalid where it is no Prometheus text, or a count is none. A series that is not there counts
        0: these servers export it from the first request on."""
        return self.page_of(_parsed(data))

    def page_of(self, samples: Sequence[Sample]) -> ServerPage:
        """The same of samples that somebody else has read off the page."""
        self._check_complete(samples)
        requests = sum(_count(samples, wanted) for wanted in self._mapping.requests)
        errors = sum(_count(samples, wanted) for wanted in self._mapping.errors)
        if errors > requests:
            raise _invalid(self._mapping.errors[0].name, "is larger than the number of requests")
        values: dict[Series, int] = {
            (REQUESTS, LIVE, "2xx"): requests - errors,
            (REQUESTS, LIVE, "4xx"): 0,
            (REQUESTS, LIVE, "5xx"): errors,
            (CONNECTIONS, LIVE): self._count_or(self._mapping.connections, samples, requests),
            (ERROR_CONNECTIONS, LIVE): self._count_or(self._mapping.error_connections, samples, errors),
            **self._durations(samples),
        }
        started = self._mapping.started
        in_flight = _count(samples, self._mapping.in_flight) if self._mapping.in_flight else 0
        return ServerPage(
            model_digest=self._model_digest,
            profile_digest="",
            start_time_seconds=max((s.value for s in samples if s.name == started), default=0.0),
            in_flight={LIVE: in_flight, WARMUP: 0},
            # Presets that need it, or refused requests, are not judged on these servers.
            request_seconds={LIVE: 0.0, WARMUP: 0.0},
            counts=ServerCounts(values),
        )

    def _check_complete(self, samples: Sequence[Sample]) -> None:
        names = {sample.name for sample in samples}
        missing = [name for name in self._mapping.series_names if name not in names]
        if missing and self._mapping.exported_from_start:
            raise _invalid(missing[0], "is missing")

    def _count_or(self, wanted: Samples | None, samples: Sequence[Sample], otherwise: int) -> int:
        return otherwise if wanted is None else _count(samples, wanted)

    def _durations(self, samples: Sequence[Sample]) -> dict[Series, int]:
        wanted = self._mapping.durations
        if wanted is None:
            return {(DURATION_BUCKET, LIVE, edge): 0 for edge in DURATION_EDGES} | {(DURATION_COUNT, LIVE): 0}
        counts: dict[Series, int] = {
            (DURATION_COUNT, LIVE): _count(samples, Samples(f"{wanted.name}_count", wanted.labels))
        }
        for edge in DURATION_EDGES:
            bucket = [s for s in samples if float(s.labels.get("le", "nan")) == float(edge)]
            found = _count(bucket, Samples(f"{wanted.name}_bucket", wanted.labels))
            counts[DURATION_BUCKET, LIVE, edge] = found
        steps = [counts[DURATION_BUCKET, LIVE, edge] for edge in DURATION_EDGES]
        if [*steps, counts[DURATION_COUNT, LIVE]] != sorted([*steps, counts[DURATION_COUNT, LIVE]]):
            raise _invalid(wanted.name, "is not cumulative up to the count, or lacks an edge of ours")
        return counts


def _parsed(data: bytes) -> list[Sample]:
    try:
        families = list(text_string_to_metric_families(data.decode()))
    except (ValueError, KeyError, IndexError) as error:
        raise _invalid("page", "is no Prometheus text") from error
    return [Sample(s.name, s.labels, s.value) for family in families for s in family.samples]


def _count(samples: Iterable[Sample], wanted: Samples) -> int:
    total = 0.0
    for sample in samples:
        if sample.name == wanted.name and _has(sample, wanted):
            if not 0 <= sample.value <= _LARGEST or not float(sample.value).is_integer():
                raise _invalid(wanted.name, "has a value that is no count")
            total += sample.value
    return int(total)


def _has(sample: Sample, wanted: Samples) -> bool:
    return all(re.fullmatch(text, sample.labels.get(label, "")) for label, text in wanted.labels.items())


def _invalid(field: str, message: str) -> ContractError:
    return ContractError(Reason.PAGE_INVALID, field, message)
