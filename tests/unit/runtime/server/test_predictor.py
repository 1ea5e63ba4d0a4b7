"""Answers of fitted models, as arrays and as data frames, and the warm-up's rows."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from tests.unit.runtime.server.samples import (
    DIGEST,
    INPUTS,
    PROFILE,
    PROFILE_DIGEST,
    SIGNATURE,
    counters,
    request,
    tensor,
)

from trimtab_runtime.contract.buckets import bucket_of
from trimtab_runtime.contract.counts import ServerCounts
from trimtab_runtime.contract.errors import ContractError, Reason
from trimtab_runtime.contract.page import PageReader
from trimtab_runtime.contract.profile import MAX_BUCKETS, CategoricalFeature
from trimtab_runtime.contract.serving import LIVE, WARMUP, PageShape
from trimtab_runtime.contract.signature import Signature, Tensor
from trimtab_runtime.contract.token import parse_token
from trimtab_runtime.dataset.columns import as_rows, model_input, typed_columns
from trimtab_runtime.server.matrix import input_builder
from trimtab_runtime.server.predictor import INLINE_SECONDS, Predictor
from trimtab_runtime.server.request import Refused
from trimtab_runtime.server.warmup import draw_rows, warm_up

CELLS = {
    "temp": ["3.5", "", "-20", "39.75"],
    "hour": ["6", "12", "7", "6"],
    "carrier": ["UA", "B6", "XX", "UA"],
    "weekend": ["true", "", "false", "true"],
}
COLUMNS: list[list[Any]] = [
    [3.5, None, -20.0, 39.75],
    [6, 12, 7, 6],
    ["UA", "B6", "XX", "UA"],
    [True, None, False, True],
]


class Scores:
    """Answers with given scores; stands for a model that misbehaves."""

    def __init__(self, *scores: float, seconds: float = 0.0) -> None:
        self.scores, self.seconds = scores, seconds

    def predict_proba(self, rows: Any) -> Any:
        time.sleep(self.seconds)
        scores = np.array([*self.scores] * len(rows))[: len(rows)]
        return np.column_stack([1 - scores, scores])


def predictor(loaded: Any, counted: Any = None, signature: Signature = SIGNATURE) -> Predictor:
    return Predictor(
        name="flights",
        digest=DIGEST,
        loaded=loaded,
        signature=signature,
        counters=counted or counters(),
        threshold=0.5,
        max_rows=16,
    )


def counts(counted: Any) -> ServerCounts:
    return PageReader(DIGEST, PROFILE_DIGEST, PROFILE).read(counted.page()).counts


def fitted(frame: bool) -> Pipeline:
    columns = typed_columns(CELLS, SIGNATURE)
    rows = pandas.DataFrame(columns) if frame else as_rows(columns, SIGNATURE)
    places: Any = ["carrier", "weekend"] if frame else [2, 3]
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    encode = ColumnTransformer([("texts", encoder, places)], remainder="passthrough")
    model = Pipeline([("encode", encode), ("trees", HistGradientBoostingClassifier(min_samples_leaf=1))])
    return model.fit(rows, [0, 1, 0, 1])


@pytest.mark.parametrize("frame", [True, False])
def test_the_model_sees_what_it_saw_in_training(frame: bool) -> None:
    model = fitted(frame)
    trained = model_input(model, typed_columns(CELLS, SIGNATURE), SIGNATURE)
    served = input_builder(model, SIGNATURE)(COLUMNS)
    assert type(served) is type(trained)
    if frame:
        pandas.testing.assert_frame_equal(served, trained)
    else:
        assert served.dtype == trained.dtype == object
        assert [[_key(value) for value in row] for row in served] == [
            [_key(value) for value in row] for row in trained
        ]
    assert np.array_equal(model.predict_proba(served), model.predict_proba(trained))


def _key(value: Any) -> Any:
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def test_a_model_of_numbers_gets_floats() -> None:
    signature = Signature(
        (Tensor("a", "FP64", True), Tensor("b", "INT64"), Tensor("c", "BOOL")), SIGNATURE.outputs
    )
    served = input_builder(object(), signature)([[None, 1.5], [3, 4], [True, False]])
    assert served.dtype == np.float64
    np.testing.assert_array_equal(served, [[np.nan, 3, 1], [1.5, 4, 0]])


def test_a_model_of_other_columns_is_refused() -> None:
    model = fitted(True)
    reordered = Signature(tuple(reversed(SIGNATURE.inputs)), SIGNATURE.outputs)
    with pytest.raises(ContractError) as refused:
        input_builder(model, reordered)
    assert refused.value.reason == Reason.MODEL_INVALID


async def test_an_answer_carries_scores_and_tokens_and_is_counted() -> None:
    counted = counters()
    batch = {
        "inputs": [tensor(t.name, t.datatype, c) for t, c in zip(SIGNATURE.inputs, COLUMNS, strict=True)]
    }
    answer = await predictor(Scores(0.1, 0.5, 0.6, 0.3), counted).answer(batch | {"id": "q-1"}, LIVE)
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("flights", DIGEST, "q-1")
    assert answer["outputs"] == [
        {"name": "late", "datatype": "FP64", "shape": [4], "data": [0.1, 0.5, 0.6, 0.3]}
    ]
    tokens = [parse_token(text) for text in answer["parameters"]["trimtab_tokens"]]
    assert [(t.model_digest, t.bucket, t.predicted) for t in tokens if t] == [
        (DIGEST, 0, 0),
        (DIGEST, 1, 0),
        (DIGEST, 2, 1),
        (DIGEST, 1, 0),
    ]
    assert len({t.nonce for t in tokens if t}) == 4
    assert counts(counted).rows() == 4 and counts(counted).feature("carrier").buckets == (2, 1, 1)


async def test_refused_rows_are_counted_by_field() -> None:
    counted = counters()
    body = request(hour=tensor("hour", "INT64", ["x"]), carrier=None)
    with pytest.raises(Refused):
        await predictor(Scores(0.1), counted).answer(body, LIVE)
    assert counts(counted).rejected_rows() == {("hour", "type"): 1, ("carrier", "missing"): 1}
    assert counts(counted).rows() == 0


@pytest.mark.parametrize("score", [math.nan, -0.1, 1.1])
async def test_a_score_that_is_no_probability_is_an_error_and_not_counted(score: float) -> None:
    counted = counters()
    with pytest.raises(ValueError, match="probability"):
        await predictor(Scores(score), counted).answer(request(), LIVE)
    assert counts(counted).rows() == 0


async def test_a_slow_model_does_not_hold_the_event_loop() -> None:
    slow = predictor(Scores(0.5, seconds=0.2))
    slow.pace(2 * INLINE_SECONDS)
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    ticking = asyncio.create_task(tick())
    await slow.answer(request(), LIVE)
    ticking.cancel()
    assert turns > 10


async def test_the_warm_up_counts_apart_from_live_traffic() -> None:
    counted = counters()
    seconds = await warm_up(predictor(fitted(False), counted), counted, SIGNATURE, PROFILE, 8)
    found = counts(counted)
    assert seconds > 0
    assert found.rows(traffic=WARMUP) == 16 and found.requests("2xx", traffic=WARMUP) == 9
    assert found.rows() == found.requests() == found.connections(traffic=WARMUP) == 0


async def test_a_model_that_fails_in_the_warm_up_is_invalid() -> None:
    counted = counters()
    with pytest.raises(ContractError) as refused:
        await warm_up(predictor(Scores(math.nan), counted), counted, SIGNATURE, PROFILE, 2)
    assert refused.value.reason == Reason.MODEL_INVALID


async def test_without_a_profile_a_failed_warm_up_is_no_verdict() -> None:
    counted = counters(PageShape.of(DIGEST, None, INPUTS), None)
    await warm_up(predictor(Scores(math.nan), counted), counted, SIGNATURE, None, 2)
    assert PageReader(DIGEST).read(counted.page()).counts.rows(traffic=WARMUP) == 0


def test_warm_up_rows_are_spread_over_the_reference() -> None:
    rows = list(draw_rows(SIGNATURE, PROFILE, 300))
    assert rows == list(draw_rows(SIGNATURE, PROFILE, 300))
    for place, name in enumerate(INPUTS):
        found = {bucket_of(PROFILE.features[name], row[place]) for row in rows}
        assert len(found) >= 2 and "unseen" not in found and len(found) <= MAX_BUCKETS
    assert None in {row[0] for row in rows} and {type(row[1]) for row in rows} == {int}


def test_warm_up_rows_without_a_profile_or_named_values() -> None:
    assert list(draw_rows(SIGNATURE, None, 1)) == [[0.0, 0, "", False]]
    nameless = CategoricalFeature(("__other__",), (100,), missing=0)
    profile = PROFILE.__class__(**{**PROFILE.__dict__, "features": dict.fromkeys(INPUTS, nameless)})
    assert list(draw_rows(SIGNATURE, profile, 1)) == [[0.0, 0, "", False]]
