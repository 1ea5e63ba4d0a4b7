"""How much longer: the candidate trials a rate test still needs, if traffic goes on as it has."""

from collections.abc import Callable
from typing import Final

from trimtab.stats.evidence import RateEvidence, add_interval, merge, no_evidence
from trimtab.stats.rates import log_e_fail, log_e_pass, log_threshold
from trimtab.stats.ratios import SideCounts

_FARTHEST: Final = 10**9


def samples_to_verdict(evidence: RateEvidence, *, alpha: float, min_samples: int = 0) -> int | None:
    """Candidate trials still missing for a Pass or a Fail at the rates and share seen so far.

    A projection, no promise: expected counts are added to the evidence until a verdict stands. Before the
    first candidate trial it assumes no events and stable's rate as seen. 0: there is a verdict already.
    None: at these rates never (within 10**9 trials). Divide by candidate trials per second for a time.
    """
    threshold, unit = log_threshold(alpha), _one_more_trial(evidence)
    fail = _first(lambda n: log_e_fail(merge(evidence, _times(unit, n))) >= threshold)
    passed = _first(lambda n: log_e_pass(merge(evidence, _times(unit, n))) >= threshold)
    missing = max(0, min_samples - int(evidence.candidate.trials))
    answers = [fail, None if passed is None else max(passed, missing)]
    return min((n for n in answers if n is not None), default=None)


def _one_more_trial(evidence: RateEvidence) -> RateEvidence:
    """What one candidate trial adds in expectation, with the stable trials that come with it."""
    candidate, stable = evidence.candidate, evidence.stable
    with_it = stable.trials / candidate.trials if candidate.trials else 1.0
    return add_interval(
        no_evidence(evidence.limits),
        stable=SideCounts(with_it, with_it * (stable.share or 0.0)),
        candidate=SideCounts(1, candidate.share or 0.0),
    )


def _times(unit: RateEvidence, n: int) -> RateEvidence:
    return RateEvidence(
        limits=unit.limits,
        stable=SideCounts(n * unit.stable.trials, n * unit.stable.events),
        candidate=SideCounts(n * unit.candidate.trials, n * unit.candidate.events),
        log_above=tuple(n * log for log in unit.log_above),
        log_below=tuple(n * log for log in unit.log_below),
    )


def _first(holds: Callable[[int], bool]) -> int | None:
    """Smallest n >= 0 at which the condition holds.

    ln E is convex in n here (a log-sum-exp of lines), so once above the threshold it stays there.
    """
    if holds(0):
        return 0
    high = 1
    while not holds(high):
        high *= 2
        if high > _FARTHEST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
