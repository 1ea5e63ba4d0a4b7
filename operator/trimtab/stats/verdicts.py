"""The closed sets of answers a statistical judgement may give."""

from collections.abc import Iterable
from enum import StrEnum


class DriftVerdict(StrEnum):
    """What a closed window says about one signal or feature. Absence of evidence is never `HEALTHY`."""

    HEALTHY = "Healthy"
    DRIFTED = "Drifted"
    INSUFFICIENT_DATA = "InsufficientData"
    NO_TRAFFIC = "NoTraffic"


class CanaryVerdict(StrEnum):
    """What the evidence so far says about one canary metric.

    `ProviderError`, the fifth verdict of a rollout, is not here: it is about the source of the counts,
    and is decided where they are read.
    """

    PASS = "Pass"
    FAIL = "Fail"
    INCONCLUSIVE = "Inconclusive"
    NO_DATA = "NoData"


def combine(verdicts: Iterable[DriftVerdict]) -> DriftVerdict:
    """The verdict of a signal from those of its parts.

    Drifted if one is; NoTraffic only if all are; InsufficientData if one is, or if one part is silent beside
    others with rows (a gap in the evidence, not silence); else Healthy. No parts: InsufficientData.
    """
    seen = set(verdicts)
    if DriftVerdict.DRIFTED in seen:
        return DriftVerdict.DRIFTED
    if len(seen) == 1:
        return seen.pop()
    return DriftVerdict.INSUFFICIENT_DATA
