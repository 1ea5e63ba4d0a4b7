"""Several hypotheses at once: control of the false discovery rate."""

from collections.abc import Sequence

import numpy as np
from scipy import stats


def benjamini_hochberg(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted p-values: rejecting those <= q keeps the expected share of false rejections <= q.

    Benjamini and Hochberg (1995), valid for independent and positively dependent tests. None marks a
    hypothesis that was not tested: it stays None and does not count among the tests.
    Order is kept; an adjusted value is never below its p-value nor above 1.

    Raises ValueError for a p-value outside [0, 1].
    """
    tested = [p for p in p_values if p is not None]
    if not tested:
        return tuple(None for _ in p_values)
    adjusted = iter(np.asarray(stats.false_discovery_control(tested, method="bh")).tolist())
    return tuple(None if p is None else float(next(adjusted)) for p in p_values)
