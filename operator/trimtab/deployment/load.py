"""How full the pods of a side are: the mean number of requests in a pod, over about the last minute."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MEMORY_SECONDS: Final = 60.0
ENOUGH_POD_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Load:
    """Durations of requests, and the time that pods were watched for them; both fade within a minute.

    By Little's law the sum of durations per second is the mean number of requests inside, those that wait for
    their turn included. Unlike the gauge it misses nothing between two scrapes, and a server that is too busy
    to answer a scrape cannot hide its load.
    """

    request_seconds: float = 0.0
    pod_seconds: float = 0.0

    def after(self, passed: float, *, request_seconds: float, pod_seconds: float) -> Load:
        """The load ``passed`` seconds later, with what was seen meanwhile."""
        kept = math.exp(-passed / MEMORY_SECONDS)
        return Load(kept * self.request_seconds + request_seconds, kept * self.pod_seconds + pod_seconds)

    @property
    def requests_per_pod(self) -> float | None:
        """None while too little was seen to say."""
        return None if self.pod_seconds < ENOUGH_POD_SECONDS else self.request_seconds / self.pod_seconds
