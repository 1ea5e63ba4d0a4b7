"""Errors and slow requests of a canary: the verdict that the evidence so far supports."""

import math
from dataclasses import dataclass

from trimtab.stats import ratios, shares
from trimtab.stats.evidence import RateEvidence
from trimtab.stats.mixtures import log_mean
from trimtab.stats.verdicts import CanaryVerdict


@dataclass(frozen=True, slots=True)
class RateJudgement:
    """The verdict and its numbers. `log_e_*` are natural logarithms, to hold against ln(1 / alpha)."""

    verdict: CanaryVerdict
    samples: int  # candidate trials
    value: float | None  # candidate's share of events; None without trials
    bound: float  # upper end of its 1 - alpha confidence sequence
    stable_value: float | None
    log_e_fail: float
    log_e_pass: float


def judge(
    evidence: RateEvidence, *, alpha: float, min_samples: int = 0, no_data_below: int = 1
) -> RateJudgement:
    """The verdict that this evidence supports, at any time and as often as wanted.

    Fail when E >= 1 / alpha, at any sample size; else NoData below `no_data_below` candidate trials; else
    Pass when a pass route rejects at alpha and there are `min_samples` candidate trials; else Inconclusive.

    Guarantees, over all looks together: a candidate within `max_ratio` (or `fail_share`) fails with
    probability <= alpha; one beyond both pass limits passes with probability <= alpha per pass route.
    A later look may be weaker than an earlier one: a caller may latch Fail and Pass without losing either.
    Give each of K failing metrics alpha / K to hold alpha for the rollout.

    Raises ValueError unless 0 < alpha < 1.
    """
    if not 0 < alpha < 1:
        raise ValueError("alpha must lie strictly between 0 and 1")
    candidate = evidence.candidate
    fail, passed = log_e_fail(evidence), log_e_pass(evidence)
    threshold = log_threshold(alpha)
    if fail >= threshold:
        verdict = CanaryVerdict.FAIL
    elif candidate.trials < no_data_below:
        verdict = CanaryVerdict.NO_DATA
    elif passed >= threshold and candidate.trials >= min_samples:
        verdict = CanaryVerdict.PASS
    else:
        verdict = CanaryVerdict.INCONCLUSIVE
    return RateJudgement(
        verdict=verdict,
        samples=int(candidate.trials),
        value=candidate.share,
        bound=shares.upper_bound(candidate.trials, candidate.events, alpha),
        stable_value=evidence.stable.share,
        log_e_fail=fail,
        log_e_pass=passed,
    )


def log_e_fail(evidence: RateEvidence) -> float:
    """ln E against "the candidate is within its limits": the smaller one where two limits must be broken."""
    ratio = log_mean(ratios.ABOVE, evidence.log_above)
    limit, seen = evidence.limits.fail_share, evidence.candidate
    return ratio if limit is None else min(ratio, shares.log_e_above(seen.trials, seen.events, limit))


def log_e_pass(evidence: RateEvidence) -> float:
    """ln E of the stronger pass route."""
    routes = []
    if evidence.limits.pass_ratio is not None:
        routes.append(log_mean(ratios.BELOW, evidence.log_below))
    if evidence.limits.pass_share is not None:
        seen = evidence.candidate
        routes.append(shares.log_e_below(seen.trials, seen.events, evidence.limits.pass_share))
    return max(routes)


def log_threshold(alpha: float) -> float:
    """ln(1 / alpha), what ln E must reach."""
    return -math.log(alpha)
