"""Several hypotheses at once: control of the false discovery rate."""

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjusted p-values: rejecting those <= q keeps the expected share of false rejections <= q.

    Benjamini and Hochberg (1995), valid for independent and positively dependent tests. None marks a
    hypothesis that was not tested: it stays None and does not count among the tests.
    Order is kept; an adjusted value is never below its p-value nor above 1.

    As scipy.stats.false_discovery_control (a test compares them), without the 50 MB that importing
    scipy.stats would keep in the operator.

    Raises ValueError for a p-value outside [0, 1].
    """
    if any(p is not None and not 0 <= p <= 1 for p in p_values):
        raise ValueError("p-values lie in [0, 1]")
    tested = [(p, place) for place, p in enumerate(p_values) if p is not None]
    adjusted: list[float | None] = [None] * len(p_values)
    smallest = 1.0
    for rank, (p, place) in zip(range(len(tested), 0, -1), sorted(tested, reverse=True), strict=True):
        smallest = min(smallest, p * len(tested) / rank)
        adjusted[place] = smallest
    return tuple(adjusted)
