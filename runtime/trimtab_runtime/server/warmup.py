"""Requests that look like the reference: what the server asks itself before it says that it is ready."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.profile import OTHER, CategoricalFeature, Feature, NumericFeature, Profile
from trimtab_runtime.contract.serving import WARMUP
from trimtab_runtime.contract.signature import Signature, Tensor

from .counters import Counters
from .predictor import Json, Predictor

log = logging.getLogger(__name__)

_WITHOUT_PROFILE = {"FP64": 0.0, "INT64": 0, "BYTES": "", "BOOL": False}
_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "FP64": float,
    "INT64": math.floor,
    "BYTES": str,
    "BOOL": lambda text: text == "true",
}


async def warm_up(
    predictor: Predictor, counters: Counters, signature: Signature, profile: Profile | None, rows: int
) -> float:
    """Answer `rows` requests of one row and one with all of them; returns the median seconds of one row.

    ModelInvalid if the model fails on rows like its reference. Without a profile nobody knows such rows: what
    the model says to zeros and empty texts is logged only. The event loop gets its turn between rows.
    """
    drawn = list(draw_rows(signature, profile, rows))
    seconds = []
    try:
        for row in drawn:
            await asyncio.sleep(0)
            seconds.append(await _answer(predictor, counters, request_of(signature, [row])))
        predictor.pace(statistics.median(seconds))
        await _answer(predictor, counters, request_of(signature, drawn))
    except Exception as error:
        if profile is not None:
            raise ContractError(
                Reason.MODEL_INVALID,
                "predict_proba",
                f"failed on rows like its reference ({type(error).__name__})",
            ) from error
        log.warning("there is no profile to warm up with, and the model refuses zeros: %s", error)
    return statistics.median(seconds or [0.0])


async def _answer(predictor: Predictor, counters: Counters, request: Json) -> float:
    began = time.perf_counter()
    await predictor.answer(request, WARMUP)
    seconds = time.perf_counter() - began
    counters.answered(WARMUP, 200, seconds)
    return seconds


def request_of(signature: Signature, rows: list[list[Any]]) -> Json:
    """An inference request of these rows, decoded."""
    columns = zip(*rows, strict=True)
    return {
        "inputs": [
            {"name": tensor.name, "datatype": tensor.datatype, "shape": [len(rows)], "data": list(column)}
            for tensor, column in zip(signature.inputs, columns, strict=True)
        ]
    }


def draw_rows(signature: Signature, profile: Profile | None, rows: int) -> Iterator[list[Any]]:
    """Rows whose features are drawn from the profile's buckets, each feature for itself; always the same."""
    chance = random.Random(1)
    for _ in range(rows):
        yield [_draw(tensor, profile, chance) for tensor in signature.inputs]


def _draw(tensor: Tensor, profile: Profile | None, chance: random.Random) -> Any:
    if profile is None:
        return _WITHOUT_PROFILE[tensor.datatype]
    feature = profile.features[tensor.name]
    places = range(len(feature.counts))
    (bucket,) = chance.choices([*places, None], [*feature.counts, feature.missing])
    if bucket is None and tensor.nullable:
        return None
    value = _value_in(feature, bucket or 0)
    if value == OTHER:
        return _WITHOUT_PROFILE[tensor.datatype]
    return _CONVERT[tensor.datatype](value)


def _value_in(feature: Feature, bucket: int) -> Any:
    """A value of a bucket: the upper end of an interval, which belongs to it, or the name of a category."""
    match feature:
        case NumericFeature():
            return (*feature.edges, feature.maximum)[bucket]
        case CategoricalFeature():
            # The last value stands for those without a name, which a model may not know: take a named one.
            return feature.values[bucket if bucket + 1 < len(feature.values) else 0]
