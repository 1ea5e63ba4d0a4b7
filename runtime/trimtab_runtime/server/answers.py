"""Remembers some of the latest answers, the same ones as every other server of the same requests."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from trimtab_runtime.contract.answers import ANSWERS_PER_EPOCH, EPOCH_SECONDS, EPOCHS, Answers, key_of


class RecentAnswers:
    """Of each of the last epochs the answers with the smallest keys. Belongs to the event loop.

    At most EPOCHS x ANSWERS_PER_EPOCH of them, whatever is asked.
    """

    def __init__(self, model_digest: str, clock: Callable[[], float]) -> None:
        self._model_digest = model_digest
        self._clock = clock
        self._epochs: dict[int, _Smallest] = {}

    def note(self, body: bytes, score: float) -> None:
        """The request with this body got this score, of its first row."""
        number = int(self._clock()) // EPOCH_SECONDS
        epoch = self._epochs.get(number)
        if epoch is None:
            epoch = self._epochs[number] = _Smallest()
            for old in sorted(self._epochs)[:-EPOCHS]:
                del self._epochs[old]
        epoch.add(key_of(body), score)

    def page(self) -> bytes:
        epochs = {number: epoch.scores for number, epoch in self._epochs.items()}
        return Answers(self._model_digest, epochs).to_json()


class _Smallest:
    """The scores of the ANSWERS_PER_EPOCH smallest keys so far; of an equal key that of the last request."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}
        self._largest_first: list[int] = []  # negated, since heapq has the smallest in front

    def add(self, key: str, score: float) -> None:
        if key in self.scores:
            self.scores[key] = score
            return
        number = -int(key, 16)
        if len(self._largest_first) < ANSWERS_PER_EPOCH:
            heapq.heappush(self._largest_first, number)
        elif number > self._largest_first[0]:
            left = heapq.heapreplace(self._largest_first, number)
            del self.scores[f"{-left:016x}"]
        else:
            return
        self.scores[key] = score
