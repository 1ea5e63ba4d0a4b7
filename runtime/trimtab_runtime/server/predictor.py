"""From a decoded request to a counted answer: the one path of live requests and of the warm-up."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from trimtab_runtime.contract.signature import Signature
from trimtab_runtime.contract.token import NONCE_BYTES, TOKENS_PARAMETER, Token, format_nonce, format_token

from .counters import Counters
from .matrix import Columns, input_builder
from .request import Refused, RequestReader

# How long a prediction may hold the event loop. Longer ones run in a thread, so that probes, scrapes and the
# drain are answered while a slow model works; the thread costs a fast one a third of its requests per second.
INLINE_SECONDS = 0.02

Json = dict[str, Any]


class Predictor:
    """Answers decoded requests with a loaded model. Belongs to the event loop, as its counters do."""

    def __init__(
        self,
        *,
        name: str,
        digest: str,
        loaded: Any,
        signature: Signature,
        counters: Counters,
        threshold: float,
        max_rows: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._digest = digest
        self._probabilities = loaded.predict_proba
        self._build = input_builder(loaded, signature)
        self._reader = RequestReader(signature, max_rows)
        self._output = signature.outputs[0]
        self._counters = counters
        self._threshold = threshold
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predict")
        self._inline_rows = 1

    def pace(self, row_seconds: float) -> None:
        """Set how many rows are predicted on the event loop, from the time one row takes."""
        self._inline_rows = int(INLINE_SECONDS / max(row_seconds, 1e-6))

    async def answer(self, body: Any, traffic: str) -> Json:
        """The answer to a decoded request. Refused is the client's fault, any other exception the model's."""
        try:
            columns = self._reader.read(body)
        except Refused as refused:
            for problem in refused.problems:
                self._counters.rejected(traffic, problem.field, problem.reason, refused.rows)
            raise
        if len(columns[0]) <= self._inline_rows:
            scores = self._scores(columns)
        else:
            scores = await asyncio.get_running_loop().run_in_executor(self._thread, self._scores, columns)
        buckets = self._counters.rows(traffic, columns, scores)
        return self._format(body, scores, buckets)

    def _scores(self, columns: Columns) -> list[float]:
        scores: list[float] = self._probabilities(self._build(columns))[:, 1].tolist()
        for score in scores:
            if not 0.0 <= score <= 1.0:  # false for NaN, too
                raise ValueError("predict_proba gave a value that is not a probability")
        return scores

    def _format(self, body: Json, scores: list[float], buckets: Sequence[int]) -> Json:
        output = {"name": self._output.name, "datatype": "FP64", "shape": [len(scores)], "data": scores}
        answer: Json = {"model_name": self._name, "model_version": self._digest, "outputs": [output]}
        if type(body.get("id")) is str:
            answer["id"] = body["id"]
        if buckets:
            answer["parameters"] = {TOKENS_PARAMETER: self._tokens(scores, buckets)}
        return answer

    def _tokens(self, scores: list[float], buckets: Sequence[int]) -> list[str]:
        now, random = int(self._clock()), os.urandom(NONCE_BYTES * len(scores))
        nonces = (format_nonce(random[i : i + NONCE_BYTES]) for i in range(0, len(random), NONCE_BYTES))
        return [
            format_token(Token(self._digest, bucket, int(score > self._threshold), now, nonce))
            for score, bucket, nonce in zip(scores, buckets, nonces, strict=True)
        ]
