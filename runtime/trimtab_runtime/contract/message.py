"""The termination messages of our containers: at most 2 KiB of JSON, written by the pod, never trusted.

Three forms: a trial's result, an evaluation's result, a failure. None may hold a uri: where an artifact goes
is the operator's choice. The kubelet keeps 4,096 bytes, so 2 KiB leaves no doubt about truncation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ContractError, Reason
from .metrics import EVALUATION_METRICS, parse_metrics
from .strict import CONTRACT, Fields, canonical, finite, parse_json

MAX_MESSAGE_BYTES = 2048
MAX_MESSAGE_METRICS = 16
MAX_ERROR_FIELD, MAX_ERROR_MESSAGE = 128, 512
_SIGNIFICANT_DIGITS = 10
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")


@dataclass(frozen=True)
class TrialResult:
    """A trial that succeeded: what was pushed, and what it scored."""

    attempt: int
    manifest_digest: str
    metrics: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        return {
            "contract": CONTRACT,
            "attempt": self.attempt,
            "manifestDigest": self.manifest_digest,
            "metrics": {name: _rounded(value) for name, value in self.metrics.items()},
        }


@dataclass(frozen=True)
class Comparison:
    """One metric of challenger and champion on the same rows; positive `difference` favours the challenger.

    `interval` is the 95 % group-bootstrap interval of the difference, None where it cannot be computed
    (fewer than two groups). `groups` counts the resampled units (rows without a group column).
    """

    metric: str
    challenger: float
    champion: float
    difference: float
    interval: tuple[float, float] | None
    groups: int

    def to_json(self) -> dict[str, Any]:
        return {
            "metric": self.metric,
            "challenger": _rounded(self.challenger),
            "champion": _rounded(self.champion),
            "difference": _rounded(self.difference),
            "interval": None if self.interval is None else [_rounded(bound) for bound in self.interval],
            "groups": self.groups,
        }


@dataclass(frozen=True)
class EvaluationResult:
    """An evaluation that ran to its end; verdicts are the operator's. Without champion `gates` is empty."""

    attempt: int
    data_digest: str
    rows: int
    groups: int
    metrics: Mapping[str, float]
    gates: tuple[Comparison, ...] = ()

    def to_json(self) -> dict[str, Any]:
        evaluation = {
            "dataDigest": self.data_digest,
            "rows": self.rows,
            "groups": self.groups,
            "metrics": {name: _rounded(value) for name, value in self.metrics.items()},
            "gates": [comparison.to_json() for comparison in self.gates],
        }
        return {"contract": CONTRACT, "attempt": self.attempt, "evaluation": evaluation}


@dataclass(frozen=True)
class Failure:
    """A container of ours that failed. `attempt` is 0 when its configuration could not be read."""

    attempt: int
    reason: Reason
    field: str
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        error = {
            "reason": str(self.reason),
            "field": _shown(self.field, MAX_ERROR_FIELD),
            "message": _shown(self.message, MAX_ERROR_MESSAGE),
        }
        return {"contract": CONTRACT, "attempt": self.attempt, "error": error}


Message = TrialResult | EvaluationResult | Failure


def format_message(message: Message) -> bytes:
    """The bytes for the termination log; raises ResultInvalid rather than write what no reader accepts."""
    try:
        data = canonical(message.to_json())
    except ValueError as error:
        raise ContractError(Reason.RESULT_INVALID, "metrics", "must be finite numbers") from error
    parse_message(data)
    return data


def parse_message(text: str | bytes) -> Message:
    """Parse a termination message; anything but the three forms is refused with a reason."""
    if not text.strip():
        raise ContractError(
            Reason.RESULT_MISSING, "terminationMessage", "the container ended without a result"
        )
    size = len(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else len(text)
    if size > MAX_MESSAGE_BYTES:
        raise ContractError(
            Reason.RESULT_TRUNCATED,
            "terminationMessage",
            f"{size} bytes: results of more than {MAX_MESSAGE_BYTES} bytes may have been cut by the kubelet",
        )
    value = parse_json(text, reason=Reason.RESULT_INVALID, name="terminationMessage")
    fields = Fields(value, Reason.RESULT_INVALID, "")
    fields.contract()
    if "error" in fields.value:
        return _parse_failure(fields)
    if "evaluation" in fields.value:
        return _parse_evaluation(fields)
    return _parse_trial_result(fields)


def _parse_trial_result(fields: Fields) -> TrialResult:
    result = TrialResult(
        attempt=fields.integer("attempt", low=1),
        manifest_digest=fields.digest("manifestDigest"),
        metrics=parse_metrics(
            fields.take("metrics"),
            reason=Reason.RESULT_INVALID,
            field="metrics",
            max_items=MAX_MESSAGE_METRICS,
        ),
    )
    fields.end()
    return result


def _parse_evaluation(fields: Fields) -> EvaluationResult:
    attempt = fields.integer("attempt", low=1)
    body = fields.object("evaluation")
    fields.end()
    result = EvaluationResult(
        attempt=attempt,
        data_digest=body.digest("dataDigest"),
        rows=body.integer("rows", low=1),
        groups=body.integer("groups", low=1),
        metrics=parse_metrics(
            body.take("metrics"),
            reason=Reason.RESULT_INVALID,
            field="evaluation.metrics",
            max_items=MAX_MESSAGE_METRICS,
        ),
        gates=tuple(_parse_comparison(item) for item in body.objects("gates", max_items=MAX_MESSAGE_METRICS)),
    )
    body.end()
    if len({gate.metric for gate in result.gates}) != len(result.gates):
        body.fail("gates", "must not repeat a metric")
    return result


def _parse_comparison(fields: Fields) -> Comparison:
    comparison = Comparison(
        metric=fields.choice("metric", tuple(EVALUATION_METRICS)),
        challenger=fields.number("challenger"),
        champion=fields.number("champion"),
        difference=fields.number("difference"),
        interval=_parse_interval(fields),
        groups=fields.integer("groups", low=1),
    )
    fields.end()
    return comparison


def _parse_interval(fields: Fields) -> tuple[float, float] | None:
    if fields.take("interval") is None:
        return None
    bounds = fields.array("interval", max_items=2)
    if len(bounds) != 2:
        fields.fail("interval", "must be null or two numbers")
    low, high = (finite(bound, fields.reason, fields.where("interval")) for bound in bounds)
    if low > high:
        fields.fail("interval", "must be in ascending order")
    return low, high


def _parse_failure(fields: Fields) -> Failure:
    attempt = fields.integer("attempt")
    body = fields.object("error")
    fields.end()
    failure = Failure(
        attempt=attempt,
        reason=Reason(body.choice("reason", tuple(str(reason) for reason in Reason))),
        field=body.optional_text("field", max_length=MAX_ERROR_FIELD),
        message=body.optional_text("message", max_length=MAX_ERROR_MESSAGE),
    )
    body.end()
    if _URI.search(failure.field + failure.message):
        body.fail("message", "must not hold a uri")
    return failure


def _shown(text: str, length: int) -> str:
    """Plain ASCII without uris, so that any failure fits into the message and into status."""
    return _URI.sub("(uri)", text).encode("ascii", "replace").decode()[:length]


def _rounded(value: float) -> float:
    # Ten digits are beyond any metric's noise, and bound the length of the message.
    short = float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
    return short if math.isfinite(short) else value  # the largest floats round up to infinity
