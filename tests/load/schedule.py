"""When requests arrive."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Literal

Arrivals = Literal["even", "poisson"]


def arrival_seconds(rate_per_second: float, arrivals: Arrivals, seed: int) -> Iterator[float]:
    """Seconds since the start at which requests arrive, without end; equal arguments give equal times."""
    if rate_per_second <= 0:
        raise ValueError(f"rate must be above 0, not {rate_per_second}")
    match arrivals:
        case "even":
            return (number / rate_per_second for number in itertools.count())
        case "poisson":
            draw = random.Random(seed)
            return itertools.accumulate(draw.expovariate(rate_per_second) for _ in itertools.count())
